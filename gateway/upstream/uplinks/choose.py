"""Opens the uplink that the settings ask for, importing its protocol only then."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gateway.upstream.uplinks import credential
from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.options import Options
from gateway.upstream.uplinks.tls import Tls


def open_uplink(
    options: Options,
    *,
    station: str,
    keys: Path,
    now_ns: Callable[[], int],
    tls: Tls | None = None,
) -> Uplink:
    """The uplink, inside the running loop; SettingsError if its credential cannot be used."""
    from gateway.upstream.uplinks.http import (  # noqa: PLC0415  # 14 MB, only when configured
        HttpUplink,
    )

    secret = None
    if options.credential is not None:
        secret = partial(credential.load, options.credential, os.environ, keys)
        secret()  # a missing one is told at start, not at the first batch
    return HttpUplink(options, station=station, now_ns=now_ns, credential=secret, tls=tls)

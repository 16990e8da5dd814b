"""How a kind of uplink declares itself: the seam for another protocol to a platform.

A kind is one module of `gateway.upstream.uplinks`, or one sub-package, that offers `KIND`. The
module is imported to read and check settings, so it imports no client library itself: `open` does,
once the uplink is configured. docs/CONTRIBUTING.md has the checklist.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from gateway.clock import Clock
from gateway.upstream.uplinks import credential
from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.options import UplinkOptions
from gateway.upstream.uplinks.platform_tls import PlatformTls

# What the far side's answer to a batch proves.
# stored: it holds the events durably.
# accepted: it has checked and taken them, and keeps them as well as it keeps anything.
# transported: a broker, say, has them on the way; that alone lets the journal delete nothing
# (`gateway.upstream.feed.retention`).
Worth: TypeAlias = Literal["stored", "accepted", "transported"]

Options = TypeVar("Options", bound=UplinkOptions)


class UplinkContext(NamedTuple, Generic[Options]):
    """What an uplink is opened with. `keys` is where the state keeps credentials.

    `make_tls` makes what a connection by TLS checks and shows: the authority of the settings, the
    station's clock, and the station's certificate where it is enrolled. It is asked once by a kind
    whose scheme goes by TLS, so that a renewed certificate reaches the connection.
    """

    name: str
    options: Options
    station: str
    keys: Path
    clock: Clock
    make_tls: Callable[[], PlatformTls]

    def load_credential(self) -> Callable[[], credential.Credential] | None:
        """Reads the credential that the settings name, anew with each call; None without one.

        SettingsError at once if it cannot be used: a missing one is reported at the start, not at
        the first batch.
        """
        if self.options.credential is None:
            return None
        load = partial(credential.load_credential, self.options.credential, os.environ, self.keys)
        load()
        return load


# Called inside the running loop; SettingsError or OSError where it cannot be opened yet.
OpenUplink: TypeAlias = Callable[[UplinkContext[Any]], Uplink]


class UplinkKind(NamedTuple, Generic[Options]):
    """One kind of uplink.

    `schemes` are the beginnings of its addresses, `tls_schemes` those of them that go by TLS: there
    the station shows its certificate. `options` reads its table of `station.toml`. `worth` is what
    its receipts prove: a `transported` one derives its options from `TransportedOptions`.
    """

    schemes: frozenset[str]
    options: type[Options]
    worth: Worth
    open: Callable[[UplinkContext[Options]], Uplink]
    tls_schemes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What `kind` says in the settings and in reports: the default of its options."""
        fields = msgspec.structs.fields(self.options)
        return str(next(field.default for field in fields if field.name == "kind"))

"""The HTTP uplink: batches, questions and commands as requests (docs/feed.md).

options.py        what its table of `station.toml` may say
client.py         the connection, imported once one is configured
command_array.py  splits an answer into commands
"""

from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.kind import UplinkContext, UplinkKind

_SECURE = frozenset({"https"})


def _open(context: UplinkContext[HttpOptions]) -> Uplink:
    from gateway.upstream.uplinks.http.client import (  # noqa: PLC0415  # aiohttp: 14 MB
        HttpUplink,
    )

    options = context.options
    return HttpUplink(
        options,
        station=context.station,
        now_ns=context.clock.now_ns,
        credential=context.load_credential(),
        tls=context.make_tls() if options.scheme in _SECURE else None,
    )


KIND = UplinkKind(
    schemes=_SECURE | {"http"},
    options=HttpOptions,
    worth="stored",
    open=_open,
    tls_schemes=_SECURE,
)

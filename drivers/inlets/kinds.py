"""The kinds of inlet that this version can open."""

from pathlib import Path

import msgspec

from drivers.inlets.contract import Inlet, InletKind
from drivers.inlets.options import HttpInletOptions, TcpInletOptions
from drivers.message import HttpPath, InletNeed, TcpPort


def _open_http(options: msgspec.Struct, need: InletNeed, keys: Path | None) -> Inlet:
    from drivers.inlets.http import HttpInlet  # noqa: PLC0415  # aiohttp, where one is configured

    assert isinstance(options, HttpInletOptions)
    assert isinstance(need, HttpPath)
    return HttpInlet(options, need, keys)


def _open_tcp(options: msgspec.Struct, need: InletNeed, keys: Path | None) -> Inlet:
    from drivers.inlets.tcp import TcpInlet  # noqa: PLC0415  # where one is configured

    del keys
    assert isinstance(options, TcpInletOptions)
    assert isinstance(need, TcpPort)
    return TcpInlet(options, need)


INLET_KINDS = {
    kind.name: kind
    for kind in (
        InletKind("http", HttpInletOptions, _open_http),
        InletKind("tcp", TcpInletOptions, _open_tcp),
    )
}

"""Reads `[upstream.*]`: the URL decides the kind of uplink and its options."""

from typing import Any

from gateway.errors import SettingsError
from gateway.toml import Decoder, KeyPath
from gateway.upstream.uplinks import registry
from gateway.upstream.uplinks.kind import UplinkKind
from gateway.upstream.uplinks.options import TransportedOptions, UplinkOptions

TRANSPORTED = "upstream.transported"


def read_uplink(decoder: Decoder, _name: str, table: Any, path: KeyPath) -> UplinkOptions | None:
    """Decode one uplink; None after a mistake."""
    url = table.get("url") if isinstance(table, dict) else None
    try:
        kind = registry.kind_for(url if isinstance(url, str) else "")
    except SettingsError as error:
        decoder.blame_error(path, error)
        decoder.structs((UplinkOptions,), table, path, others=True)
        return None
    options = decoder.struct(kind.options, table, path)
    if options is not None and not may_be_required(kind, options):
        decoder.judge((*path, "required"), TRANSPORTED)
    return options


def may_be_required(kind: UplinkKind[Any], options: UplinkOptions) -> bool:
    """Whether receipts of such an uplink may let the journal delete, or it is not required."""
    if not options.required or kind.worth != "transported":
        return True
    return isinstance(options, TransportedOptions) and options.accept_transported

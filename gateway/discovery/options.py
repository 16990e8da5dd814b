"""`[discovery]` of `station.toml`."""

from typing import Annotated

import msgspec


class DiscoveryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the station tells the network that it is there.

    `interfaces` are addresses of this machine, or names of its interfaces; none is all.
    """

    announce: bool = True
    interfaces: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=45)], ...],
        msgspec.Meta(max_length=8, examples=[["eth0"]]),
    ] = ()

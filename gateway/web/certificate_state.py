"""Whether the certificate that the station shows still fits, and whom it may name. Pure.

What it says of itself is noted beside it: reading a certificate loads 12 MB of code that an
ordinary start does not need.
"""

import datetime
import ipaddress
from collections.abc import Collection
from typing import TypeAlias

import msgspec

PRIVATE = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"),
    *("fc00::/7", "fe80::/10", "::1/128"),
)

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class CertificateState(msgspec.Struct, frozen=True):
    """The certificate that is shown; `of` is a digest of the files that this was read from."""

    of: str
    born: datetime.datetime
    ends: datetime.datetime
    names: frozenset[str]
    addresses: frozenset[str]


def is_replacement_due(
    shown: CertificateState,
    names: Collection[str],
    addresses: Collection[Address],
    now: datetime.datetime,
) -> bool:
    """Whether another should be shown: a third of its life is left, or we are called otherwise."""
    if not shown.born <= now <= shown.born + (shown.ends - shown.born) * 2 / 3:
        return True
    return not (set(names) <= shown.names and set(map(str, addresses)) <= shown.addresses)


def is_vouchable(address: Address) -> bool:
    """Whether the authority may vouch for that address."""
    return any(
        address in ipaddress.ip_network(network)
        for network in PRIVATE
        if ipaddress.ip_network(network).version == address.version
    )

"""Whether the presented certificate still fits, and what may be certified. Pure.

What the certificate says is noted beside it: reading a certificate loads 12 MB of code that an
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
    """The presented certificate; `of` is a digest of the files that this was read from."""

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
    """Whether another is due: less than a third of its life is left, or names have changed."""
    if not shown.born <= now <= shown.born + (shown.ends - shown.born) * 2 / 3:
        return True
    return not (set(names) <= shown.names and set(map(str, addresses)) <= shown.addresses)


def is_vouchable(address: Address) -> bool:
    """Whether the authority may certify that address."""
    return any(
        address in ipaddress.ip_network(network)
        for network in PRIVATE
        if ipaddress.ip_network(network).version == address.version
    )

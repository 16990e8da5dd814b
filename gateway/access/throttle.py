"""How often a password may be tried. Pure: instants are arguments.

Every attempt counts against its account and its address before it is checked, so a thousand at once
get no further than a thousand one by one. After the free attempts, the wait doubles. All strangers
together have a bounded number of attempts a minute, whatever accounts and addresses they use, and
no address has more than a few of them, so one guesser leaves room for others.

A known computer is not a stranger and has its own count: strangers who guess cannot lock out the
person at the desk. The same holds for the station's own screen.
"""

import ipaddress
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec

SECOND_NS = 1_000_000_000

# Attempts without a wait: a slip, a second one, caps lock.
FREE = 3

FIRST_WAIT_S = 2
WAIT_S_MAX = 900
FORGET_S = 24 * 3600
STRANGERS_A_MINUTE = 30
SOURCE_A_MINUTE = 5
COUNTS_MAX = 512


class AttemptCount(msgspec.Struct, frozen=True):
    """Failed attempts, and the instant (of this boot) of the last one."""

    tries: int
    at_ns: int

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next attempt."""
        if self.tries < FREE:
            return 0
        wait_s = min(FIRST_WAIT_S << min(self.tries - FREE, 20), WAIT_S_MAX)
        return max(0, self.at_ns + wait_s * SECOND_NS - now_ns)


# The stored attempts by key.
AttemptCounts = Annotated[
    dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**31)]], msgspec.Meta(max_length=COUNTS_MAX)
]


class Throttle:
    """The counts by key; bounded, the oldest are forgotten first."""

    def __init__(self, counts: dict[str, AttemptCount] | None = None) -> None:
        self._counts = dict(counts or {})
        self._strangers: deque[tuple[str, int]] = deque(maxlen=STRANGERS_A_MINUTE)

    @classmethod
    def from_stored(cls, tries: Mapping[str, int], now_ns: int) -> "Throttle":
        """The counts of an earlier run; every wait begins again, as boots cannot be compared."""
        return cls({key: AttemptCount(count, now_ns) for key, count in tries.items()})

    def dump(self) -> bytes:
        """The counts to store."""
        return msgspec.json.encode({key: count.tries for key, count in self._counts.items()})

    def admit(self, keys: Iterable[str], now_ns: int, *, stranger: str | None = None) -> float:
        """Count one attempt; returns the seconds that it must wait, 0 if it may proceed.

        `stranger` is the `address_block` of an unknown computer.
        """
        keys = tuple(keys)
        waits = [self._count(key, now_ns).wait_ns(now_ns) for key in keys]
        if stranger is not None:
            waits.append(self._crowd_ns(stranger, now_ns))
        if wait_ns := max(waits):
            return wait_ns / SECOND_NS
        if stranger is not None:
            self._strangers.append((stranger, now_ns))
        for key in keys:
            self._counts[key] = AttemptCount(self._count(key, now_ns).tries + 1, now_ns)
        self._forget()
        return 0

    def forgive(self, keys: Iterable[str], *, stranger: str | None = None) -> None:
        """The password was right: the attempt does not count."""
        for key in keys:
            self._counts.pop(key, None)
        mine = [one for one in self._strangers if one[0] == stranger]
        if mine:
            self._strangers.remove(mine[-1])

    def attempts_left(self, keys: Iterable[str], now_ns: int) -> int:
        """Attempts left before the first wait."""
        return max(0, FREE - max(self._count(key, now_ns).tries for key in keys))

    def _count(self, key: str, now_ns: int) -> AttemptCount:
        count = self._counts.get(key, AttemptCount(0, now_ns))
        return AttemptCount(0, now_ns) if now_ns - count.at_ns > FORGET_S * SECOND_NS else count

    def _crowd_ns(self, source: str, now_ns: int) -> int:
        """Time until the last minute has room for one more attempt of that source."""
        all_ns = [at_ns for _, at_ns in self._strangers]
        own_ns = [at_ns for each, at_ns in self._strangers if each == source]
        return max(
            _full_ns(all_ns, STRANGERS_A_MINUTE, now_ns), _full_ns(own_ns, SOURCE_A_MINUTE, now_ns)
        )

    def _forget(self) -> None:
        """Keep within the bound; the oldest count is the least loss."""
        while len(self._counts) > COUNTS_MAX:
            oldest = min(self._counts, key=lambda key: self._counts[key].at_ns)
            del self._counts[oldest]


def _full_ns(at_ns: Sequence[int], most: int, now_ns: int) -> int:
    return 0 if len(at_ns) < most else max(0, at_ns[-most] + 60 * SECOND_NS - now_ns)


def address_block(address: str) -> str:
    """What counts as one address: of the internet's IPv6 a whole /64, which has one owner.

    In the LAN (link-local and unique local addresses) many hosts share a /64, so each counts
    separately.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_private:
        return str(ip)
    return str(ipaddress.ip_network(f"{ip}/64", strict=False))

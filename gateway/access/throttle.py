"""How often a password may be tried. Pure: instants are arguments.

Every try counts against its account and against its address before it is evaluated, so a thousand
at once are as few as a thousand one by one. After the free tries, the wait doubles. All strangers
together have a bounded number of tries a minute, whatever accounts and addresses they name, and no
address has more than a few of them: one guesser leaves room for the others.

A known desk computer is no stranger: it has a count of its own, so strangers who guess cannot lock
out the person at the desk. Neither is the station's own screen.
"""

import ipaddress
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec

SECOND_NS = 1_000_000_000

# Tries that cost no wait: a slip, a second, caps lock.
FREE = 3

FIRST_WAIT_S = 2
WAIT_S_MAX = 900
FORGET_S = 24 * 3600
STRANGERS_A_MINUTE = 30
SOURCE_A_MINUTE = 5
COUNTS_MAX = 512


class Count(msgspec.Struct, frozen=True):
    """Tries without success, and when (of this boot) the last one was."""

    tries: int
    at_ns: int

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next try."""
        if self.tries < FREE:
            return 0
        wait_s = min(FIRST_WAIT_S << min(self.tries - FREE, 20), WAIT_S_MAX)
        return max(0, self.at_ns + wait_s * SECOND_NS - now_ns)


# The tries by key, as the state keeps them.
Counts = Annotated[
    dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**31)]], msgspec.Meta(max_length=COUNTS_MAX)
]


class Throttle:
    """The counts, by key; bounded, the longest past ones forgotten first."""

    def __init__(self, counts: dict[str, Count] | None = None) -> None:
        """Go on from those counts."""
        self._counts = dict(counts or {})
        self._strangers: deque[tuple[str, int]] = deque(maxlen=STRANGERS_A_MINUTE)

    @classmethod
    def of(cls, tries: Mapping[str, int], now_ns: int) -> "Throttle":
        """The counts of an earlier run; every wait begins anew, as boots cannot be compared."""
        return cls({key: Count(count, now_ns) for key, count in tries.items()})

    def dump(self) -> bytes:
        """What the next run needs."""
        return msgspec.json.encode({key: count.tries for key, count in self._counts.items()})

    def admit(self, keys: Iterable[str], now_ns: int, *, stranger: str | None = None) -> float:
        """Count one try; the seconds that it must wait instead, 0 if it may go on.

        `stranger` is the `network` that an unknown computer calls from.
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
            self._counts[key] = Count(self._count(key, now_ns).tries + 1, now_ns)
        self._forget()
        return 0

    def forgive(self, keys: Iterable[str], *, stranger: str | None = None) -> None:
        """The password was right: the try does not count."""
        for key in keys:
            self._counts.pop(key, None)
        mine = [one for one in self._strangers if one[0] == stranger]
        if mine:
            self._strangers.remove(mine[-1])

    def left(self, keys: Iterable[str], now_ns: int) -> int:
        """Tries left before the first wait."""
        return max(0, FREE - max(self._count(key, now_ns).tries for key in keys))

    def _count(self, key: str, now_ns: int) -> Count:
        count = self._counts.get(key, Count(0, now_ns))
        return Count(0, now_ns) if now_ns - count.at_ns > FORGET_S * SECOND_NS else count

    def _crowd_ns(self, source: str, now_ns: int) -> int:
        """How long until the last minute has room for one more, and for one more of that source."""
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


def network(address: str) -> str:
    """What counts as one address: of the internet's IPv6 a whole /64, for its owner has all of it.

    In the LAN (link-local and unique local addresses) many hosts share a /64, so each counts alone.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_private:
        return str(ip)
    return str(ipaddress.ip_network(f"{ip}/64", strict=False))

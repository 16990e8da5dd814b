"""A message that somebody at the desk has asked to hear: for a minute, under a name of its own."""

from collections import OrderedDict
from collections.abc import Callable

from gateway import entropy

HEARD_MAX = 16
S = 1_000_000_000


class AudioTickets:
    """The act is on record before there is one; what is behind it is in memory only."""

    def __init__(self, now_ns: Callable[[], int], lasts_s: float) -> None:
        """Each lasts so long, by that clock."""
        self._now_ns = now_ns
        self._lasts_ns = round(lasts_s * S)
        self._sounds: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def issue(self, sound: bytes) -> str:
        """The name under which that can be fetched now."""
        self._sweep()
        while len(self._sounds) >= HEARD_MAX:
            self._sounds.popitem(last=False)
        name = entropy.token_hex(16)
        self._sounds[name] = self._now_ns() + self._lasts_ns, sound
        return name

    def find_sound(self, name: str) -> bytes | None:
        """It; None once its minute is over."""
        self._sweep()
        found = self._sounds.get(name)
        return None if found is None else found[1]

    def _sweep(self) -> None:
        now_ns = self._now_ns()
        for name, (until_ns, _) in list(self._sounds.items()):
            if until_ns <= now_ns:
                del self._sounds[name]

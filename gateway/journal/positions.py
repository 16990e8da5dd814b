"""How far each retaining follower has receipted each lane. Pure.

A position is state like any other, but writing each move would wear the card as much as the entries
do. So it is written with a commit that takes place anyway, and only now and then: a position lost
in a crash repeats some entries, which receipts and numbers make harmless.
"""

from collections.abc import Collection, Mapping

import msgspec

from gateway.event import Lane
from gateway.journal.options import StateChange

ROOM = "journal"
KEY = "follower/"
NUMBERS_MAX = 1_000
# A position is written when it has moved this far, or is this old.
AGE_MAX_NS = 60_000_000_000

INTEGER_MAX = 2**63 - 1

LanePositions = Mapping[Lane, int]
_decode = msgspec.json.Decoder(dict[str, int]).decode
_encode = msgspec.json.Encoder().encode


def zero_positions() -> dict[Lane, int]:
    """Before the first entry of every lane."""
    return dict.fromkeys(Lane, 0)


def _upto(body: bytes, heads: LanePositions | None) -> dict[Lane, int]:
    """Decode a stored position; an invalid number counts as 0."""
    try:
        decoded = _decode(body)
    except (ValueError, RecursionError):
        return zero_positions()
    found = {lane: decoded.get(lane.wire, 0) for lane in Lane}
    most = dict.fromkeys(Lane, INTEGER_MAX) if heads is None else heads
    return {lane: seq if 0 <= seq <= most[lane] else 0 for lane, seq in found.items()}


class FollowerPositions:
    """The known positions, and which of their moves are not stored yet."""

    def __init__(
        self,
        states: Mapping[str, bytes],
        required: Collection[str] | None,
        heads: LanePositions | None = None,
    ) -> None:
        """Take over the stored positions of the `required` followers, or (None) of all.

        A required follower starts before everything if it is new, if its position cannot be
        read, or if it lies beyond the `heads`: it gets some entries twice, and loses none.
        One that is no longer required is forgotten with the next commit.
        """
        stored = {
            key.removeprefix(KEY): body for key, body in states.items() if key.startswith(KEY)
        }
        names = stored if required is None else required
        self._upto = {name: zero_positions() for name in names}
        for name in stored.keys() & self._upto.keys():
            self._upto[name] = _upto(stored[name], heads)
        self._removed = set(stored) - set(self._upto)
        self._moved = 0
        self._written_ns = 0

    def __getitem__(self, name: str) -> dict[Lane, int]:
        return self._upto[name]

    def names(self) -> list[str]:
        """The followers that hold entries."""
        return list(self._upto)

    def advance(self, receipts: Mapping[str, LanePositions]) -> None:
        """Move forward; a receipt never moves a position back."""
        for name, upto in receipts.items():
            position = self._upto.setdefault(name, zero_positions())
            for lane, seq in upto.items():
                self._moved += max(0, seq - position[lane])
                position[lane] = max(seq, position[lane])

    def floor(self, lane: Lane, head: int) -> int:
        """The last number of the lane that every follower has receipted."""
        return min((upto[lane] for upto in self._upto.values()), default=head)

    def due(self, now_ns: int) -> bool:
        """Whether the next commit should store the positions."""
        if self._removed or self._moved >= NUMBERS_MAX:
            return True
        return self._moved > 0 and now_ns - self._written_ns >= AGE_MAX_NS

    @property
    def has_unsaved(self) -> bool:
        """Whether there are moves that are not stored."""
        return bool(self._removed) or self._moved > 0

    def changes(self) -> list[StateChange]:
        """The positions as state."""
        gone = [StateChange(ROOM, KEY + name, None) for name in sorted(self._removed)]
        return gone + [
            StateChange(ROOM, KEY + name, _encode({lane.wire: upto[lane] for lane in Lane}))
            for name, upto in self._upto.items()
        ]

    def mark_saved(self, now_ns: int) -> None:
        """Everything is stored (the transaction is committed)."""
        self._removed.clear()
        self._moved = 0
        self._written_ns = now_ns

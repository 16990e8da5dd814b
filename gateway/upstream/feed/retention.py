"""What a delivered batch lets the journal delete, by the worth of the answer.

`stored` and `accepted`: the follower of a required uplink moves with the receipt, and the journal
may delete. `transported`: nobody knows whether the platform has the events. They travel on, but
the required follower that the journal retains for moves only `KEPT_S` later. A restart sends what
was handed over within that time once more; a platform that missed it asks with `feed.replay`.
The journal keeps for the slowest required uplink, so that a transported one never lets go of what
another has not receipted.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping

from gateway.event import JournalEntry, Lane
from gateway.journal.ports import ReceiptingFollower

# A broker that restarts, or fails over to a copy without its queue, is noticed within minutes.
KEPT_S = 3600.0
# Steps of the position that are remembered on their way; each is at least this much apart.
STEP_S = 1.0


class TransportedFollower:
    """A follower that stands where the transport does, while the journal's comes `KEPT_S` later."""

    def __init__(
        self, follower: ReceiptingFollower, now_ns: Callable[[], int], kept_s: float = KEPT_S
    ) -> None:
        self._follower = follower
        self._now_ns = now_ns
        self._kept_ns = round(kept_s * 1e9)
        self._position = dict(follower.position)
        self._steps: deque[tuple[int, dict[Lane, int]]] = deque()

    @property
    def retaining(self) -> bool:
        """As the journal's."""
        return self._follower.retaining

    @property
    def position(self) -> Mapping[Lane, int]:
        """What the transport has."""
        return self._position

    async def read(
        self,
        *,
        limit: int,
        max_bytes: int,
        lanes: Collection[Lane],
        after: Mapping[Lane, int] | None = None,
    ) -> list[JournalEntry]:
        """What comes next, behind `after` or behind what the transport has."""
        behind = self._position | dict(after or {})
        return await self._follower.read(
            limit=limit, max_bytes=max_bytes, lanes=lanes, after=behind
        )

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        """The transport has everything up to there; what it has had for long enough is let go."""
        now_ns = self._now_ns()
        for lane, seq in upto.items():
            self._position[lane] = max(seq, self._position.get(lane, 0))
        if upto and self._steps and now_ns - self._steps[-1][0] < STEP_S * 1e9:
            self._steps[-1][1].update(self._position)
        elif upto:
            self._steps.append((now_ns, dict(self._position)))
        while self._steps and now_ns - self._steps[0][0] >= self._kept_ns:
            self._follower.receipt(self._steps.popleft()[1])

    def begin(self, upto: Mapping[Lane, int]) -> None:
        """One that retains nothing stands where the platform says."""
        self._follower.begin(upto)
        self._position.update(upto)

    async def wait(self, lanes: Collection[Lane], after: Mapping[Lane, int] | None = None) -> None:
        """Until something newer is there."""
        await self._follower.wait(lanes, after=self._position | dict(after or {}))

    def waiting(self) -> Mapping[Lane, int]:
        """How many entries each lane holds that the journal must keep."""
        return self._follower.waiting()

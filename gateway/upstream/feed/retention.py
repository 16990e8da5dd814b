"""What a delivered batch lets the journal delete, by the worth of the answer.

`stored` and `accepted`: the follower of a required uplink moves with the receipt, and the journal
may delete. `transported`: whether the platform has the events is unknown. Sending continues, but
the follower that the journal retains for moves only `KEPT_S` later. A restart sends the events of
that time again; a platform that missed older ones asks with `feed.replay`. The journal retains for
the slowest required uplink, so that a transported one never deletes what another has not receipted.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping

from gateway.event import JournalEntry, Lane
from gateway.journal.ports import ReceiptingFollower

# A broker that restarts, or fails over to a copy without its queue, is noticed within minutes.
KEPT_S = 3600.0
# Delayed positions are remembered at steps of at least this much.
STEP_S = 1.0


class TransportedFollower:
    """A follower at the transport's position; the journal's own follows `kept_s` later."""

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
        """The last number of each lane that was handed over."""
        return self._position

    async def read(
        self,
        *,
        limit: int,
        max_bytes: int,
        lanes: Collection[Lane],
        after: Mapping[Lane, int] | None = None,
    ) -> list[JournalEntry]:
        """Entries behind `after`, or behind the position."""
        behind = self._position | dict(after or {})
        return await self._follower.read(
            limit=limit, max_bytes=max_bytes, lanes=lanes, after=behind
        )

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        """Everything up to `upto` was handed over; older steps reach the journal's follower."""
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
        """As of the journal's follower."""
        self._follower.begin(upto)
        self._position.update(upto)

    async def wait(self, lanes: Collection[Lane], after: Mapping[Lane, int] | None = None) -> None:
        """Return when there is something newer."""
        await self._follower.wait(lanes, after=self._position | dict(after or {}))

    def waiting(self) -> Mapping[Lane, int]:
        """The entries of each lane that the journal retains."""
        return self._follower.waiting()

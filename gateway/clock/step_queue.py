"""Steps of station time to be reported, one a minute at most. Pure."""

from gateway.clock.status import ClockStep
from gateway.clock.time_sample import SECOND_NS, STEP_NS

TELL_EVERY_NS = 60 * SECOND_NS


class ClockStepQueue:
    """Waiting steps become one: from the time before the first to the present one."""

    def __init__(self) -> None:
        self._waiting: ClockStep | None = None
        self._told_ns: int | None = None

    def add(self, step: ClockStep) -> None:
        self._waiting = step if self._waiting is None else _joined(self._waiting, step)

    def due(self, now_ns: int) -> ClockStep | None:
        """The step to report now: none within a minute of the last, or if it was undone."""
        step = self._waiting
        if step is None or (self._told_ns is not None and now_ns - self._told_ns < TELL_EVERY_NS):
            return None
        self._waiting = None
        if step.old is not None and abs(step.new - step.old) <= STEP_NS:
            return None
        self._told_ns = now_ns
        return step

    def requeue(self, step: ClockStep) -> None:
        """It could not be reported after all: it waits for the next minute."""
        self._waiting = step if self._waiting is None else _joined(step, self._waiting)


def _joined(first: ClockStep, last: ClockStep) -> ClockStep:
    old = None if first.old is None else first.old + last.at - first.at
    return ClockStep(old, last.new, last.at, last.source)

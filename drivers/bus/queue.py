"""The next job of a bus: the most urgent of those that are ready, by (priority, deadline)."""

import math
from typing import Generic, Protocol, TypeVar


class QueuedJob(Protocol):
    """What the queue needs to know of a job. Lower priorities go first."""

    @property
    def priority(self) -> int: ...

    @property
    def deadline_s(self) -> float:
        """Orders jobs of equal priority."""

    def ready_s(self, now_s: float) -> float:
        """When it may run; infinity while it must wait for something else."""


J = TypeVar("J", bound=QueuedJob)


class JobQueue(Generic[J]):
    """The jobs of one bus. They are few (rounds, probes, a bounded number of writes), so it scans.

    A job that is taken out leaves the queue; a recurring one is put back after its turn.
    """

    def __init__(self) -> None:
        self._jobs: list[J] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: J) -> None:
        self._jobs.append(job)

    def __contains__(self, job: J) -> bool:
        return job in self._jobs

    def discard(self, job: J) -> None:
        """Remove it if it still waits."""
        if job in self._jobs:
            self._jobs.remove(job)

    def pop_ready(self, now_s: float) -> tuple[J | None, float]:
        """The next job that is ready; without one, the time at which one will be."""
        chosen: J | None = None
        next_s = math.inf
        for job in self._jobs:
            ready_s = job.ready_s(now_s)
            if ready_s > now_s:
                next_s = min(next_s, ready_s)
            elif chosen is None or _key(job) < _key(chosen):
                chosen = job
        if chosen is not None:
            self._jobs.remove(chosen)
        return chosen, next_s


def _key(job: QueuedJob) -> tuple[int, float]:
    return job.priority, job.deadline_s

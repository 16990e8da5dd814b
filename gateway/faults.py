"""Faults: unforeseen exceptions that an edge has contained, counted by where they happened.

An edge handles one request, reading, frame or page. Its broad `except` turns the exception into one
failed answer and calls `on_fault(where, error)`; everything else goes on. The station reports
faults as events (`station.fault`), at the desk and by the doctor.
"""

import logging
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)

FAULTS_MAX = 64
# Prefix of an edge that is a task of the station which ends again and again.
DYING = "dying."

# A task counts as dying this long after its last end.
DYING_NS = 600_000_000_000

TOLD_EVERY_NS = 60_000_000_000

_ROOT = Path(__file__).parent.parent


class FaultRecord(msgspec.Struct, frozen=True):
    """One fault: `where` is the edge, `what` the exception's type and the raising function.

    Never the exception's text, which may contain what a person has typed. Instants are
    CLOCK_BOOTTIME in ns.
    """

    where: str
    what: str
    count: int
    first_ns: int
    last_ns: int


# Called by an edge with its name and the contained exception; never raises.
OnFault = Callable[[str, BaseException], None]

# `FaultLog.count`: for what is not an exception, by where it was found.
OnCount = Callable[[str, str], None]


class RemoteFault(Exception):
    """A fault that another process of the station has contained and described."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


def log_fault(where: str, error: BaseException, /) -> None:
    """Only log it: for parts that run without a station."""
    log.error("fault in %s", where, exc_info=error)


def contain(on_fault: OnFault, where: str, call: Callable[..., object], /, *given: Any) -> None:
    """The edge around one call: an exception becomes a fault, and the caller goes on."""
    try:
        call(*given)
    except Exception as error:  # noqa: BLE001  # see above
        on_fault(where, error)


class FaultLog:
    """The faults of this process, at most `FAULTS_MAX` kinds; pass `note` as `on_fault`."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._faults: dict[tuple[str, str], FaultRecord] = {}
        self._told: dict[tuple[str, str], FaultRecord] = {}
        self._told_at_ns: deque[int] = deque(maxlen=FAULTS_MAX)

    def note(self, where: str, error: BaseException, /) -> None:
        """Count it and log its traceback. The rarest kind makes room for a new one."""
        log_fault(where, error)
        self.count(where, describe_error(error))

    def count(self, where: str, what: str) -> None:
        """Count what is not an exception: a state row set aside, a part left out."""
        key, now_ns = (where, what), self._now_ns()
        known = self._faults.get(key)
        if known is None and len(self._faults) >= FAULTS_MAX:
            rarest = min(self._faults, key=lambda each: self._faults[each].count)
            del self._faults[rarest]
            self._told.pop(rarest, None)
        count, first_ns = (1, now_ns) if known is None else (known.count + 1, known.first_ns)
        self._faults[key] = FaultRecord(where, what, count, first_ns, now_ns)

    def all(self) -> tuple[FaultRecord, ...]:
        """Every fault, the newest first."""
        return tuple(sorted(self._faults.values(), key=lambda fault: -fault.last_ns))

    def dying(self) -> tuple[FaultRecord, ...]:
        """The tasks that end again and again."""
        return dying_tasks(self.all(), self._now_ns())

    def due(self) -> list[FaultRecord]:
        """The faults to report now: new ones, and grown ones once a minute at most.

        At most `FAULTS_MAX` a minute in all: kinds that displace each other would be new
        each time.
        """
        now_ns = self._now_ns()
        lately = sum(now_ns - at_ns < TOLD_EVERY_NS for at_ns in self._told_at_ns)
        due = [
            (key, fault)
            for key, fault in self._faults.items()
            if (told := self._told.get(key)) is None
            or (fault.count > told.count and now_ns - told.last_ns >= TOLD_EVERY_NS)
        ][: FAULTS_MAX - lately]
        for key, fault in due:
            self._told_at_ns.append(now_ns)
            self._told[key] = msgspec.structs.replace(fault, last_ns=now_ns)
        return [fault for _, fault in due]


def dying_tasks(faults: Sequence[FaultRecord], now_ns: int) -> tuple[FaultRecord, ...]:
    """The faults of tasks that end again and again, until a moment ago."""
    return tuple(
        fault
        for fault in faults
        if fault.where.startswith(DYING) and now_ns - fault.last_ns < DYING_NS
    )


def describe_error(error: BaseException) -> str:
    """The exception's type, and the innermost function of ours in its traceback.

    `KeyError in gateway/rules/evaluator.py:evaluate`.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, RemoteFault):
        return error.what
    name = type(error).__name__
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
            return f"{name} in {path.relative_to(_ROOT)}:{frame.name}"
    return name

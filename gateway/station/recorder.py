"""Events about the station itself: its start and its faults."""

import contextlib
import logging
from collections.abc import Callable

import msgspec

from gateway.clock import Clock
from gateway.errors import JournalError, StationError
from gateway.event import Event, EventKind
from gateway.faults import FaultLog
from gateway.journal import Journal
from gateway.journal.ports import Ticket
from gateway.rules.rule import HEARD, TASKS
from gateway.rules.service import RuleService
from gateway.station.events import FAULT, FaultReport
from gateway.texts import Texts

log = logging.getLogger(__name__)


class StationRecorder:
    def __init__(
        self, journal: Journal, clock: Clock, faults: FaultLog, notify: Callable[[str], bool]
    ) -> None:
        """Refusals of the journal are faults as well; `notify` tells the service manager."""
        self._notify = notify
        self._journal = journal
        self._clock = clock
        self._faults = faults
        self._well: dict[str, bool] = {}
        self._left = 0

    def record_event(self, kind: EventKind, data: msgspec.Struct) -> None:
        """Record an event if the journal accepts it, without waiting."""
        try:
            ticket = self._journal.offer([self._event(kind, data)])
        except JournalError as error:
            self.record_failure("start.record", error)
            return
        ticket.add_done_callback(self._offered)

    def record_failure(self, where: str, error: BaseException) -> None:
        """Count a failed step; a foreseen one is one line of log."""
        if isinstance(error, StationError):
            log.error("%s: %s", where, error)
            self._faults.count(where, error.code)
        else:
            self._faults.note(where, error)

    async def record_faults(self) -> None:
        """Record new faults; they reach the desk even if the disk fails."""
        for fault in self._faults.due():
            report = FaultReport(fault.where, fault.what, fault.count)
            with contextlib.suppress(JournalError):
                await self._journal.append([self._event(FAULT, report)])

    def report_own_state(self, rules: RuleService, *, heard: bool = True) -> None:
        """Tell the rules what is an alarm about the station itself.

        A task that keeps failing, or an emergency that was not `heard`.
        """
        now = {TASKS: not self._faults.dying(), HEARD: heard}
        for point, well in now.items():
            if well is not self._well.get(point):
                self._well[point] = well
                rules.report_own_state(point, well=well)

    def publish_status(self) -> None:
        """Tell the service manager how far a damaged journal is recovered."""
        left = self._journal.stats().recovering
        if left != self._left:
            self._left = left
            say = Texts.from_environment().say
            self._notify(f"STATUS={say('journal.status-recovering', count=left) if left else ''}")

    def _offered(self, ticket: Ticket) -> None:
        if not ticket.cancelled() and (error := ticket.exception()) is not None:
            self.record_failure("start.record", error)

    def _event(self, kind: EventKind, data: msgspec.Struct) -> Event:
        return Event(kind=kind, source="station", stamps=self._clock.stamp(), data=data)

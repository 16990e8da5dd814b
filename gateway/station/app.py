"""The station, started and stopped in order.

settings → clock → journal → every room's state → buses, keys, watchdog → pages → READY=1
                                                    └► accounts, settings, uplinks, doctor behind
SIGTERM  → buses → intake → uplinks → pages → journal

The emergency path (siren, calling staff, wall keys, watchdog) comes first and depends on nothing
else. A part that cannot start is counted as a fault and left out; writes at the start are not
awaited.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from gateway import __version__, systemd
from gateway.clock import next_tick
from gateway.errors import Unavailable
from gateway.station.events import STARTED, StationStarted
from gateway.station.parts import StationParts
from gateway.tasks import (
    STOP_WITHIN_S,
    attempt,
    attempt_stop,
    report_uncaught,
    stop_tasks,
    supervise,
)

log = logging.getLogger(__name__)

# A journal job that runs longer than this means that the journal's writer is stuck.
STUCK_S_MAX = 15.0

# Retry interval for a port that another process holds.
HELD_AGAIN_S = 5.0


class StationApp(StationParts):
    """The running station: its rooms and tasks."""

    @property
    def address(self) -> str:
        """The URL of the pages."""
        return f"http://127.0.0.1:{self.server.port}/"

    async def restore(self) -> None:
        """Restore every room's state, then read the wall keys: siren and keys work afterwards.

        A room takes no orders before it knows what it has promised, or it would promise it again. A
        step that fails does not stop the others.
        """
        on_fault = self.faults.note
        report_uncaught(on_fault)
        await self._try("pages", self.server.bind)
        await self._restore_rooms()
        # Not before: what the rooms read would wait behind it for the disk.
        epoch, volatile = self._journal.epoch, self._journal.volatile
        self._recorder.record_event(
            STARTED, StationStarted(__version__, self._clock.boot, epoch, volatile)
        )
        if (every_s := systemd.watchdog_period_s(self._machine.environ)) is not None:
            feed = systemd.feed_watchdog(every_s, self._moved, self._machine.notify)
            feeding = asyncio.create_task(feed, name="watchdog")
            self._tasks.append(feeding)
        self._tasks.append(supervise("rules", self.rules.run, on_fault))
        self.buses.start()

    async def start(self) -> None:
        """Open the pages and start everything behind them; after `restore`."""
        on_fault = self.faults.note
        self._tasks.append(supervise("web", self._keep_answering, on_fault))
        await self._try("pages", self.server.start)
        await self._try("doors", partial(self._web.admit_desks, self.server))
        noted = self._try("settings", partial(self.lifecycle.start, self._begun.trial))
        if self._begun.trial is not None:
            await noted
        else:  # its history is on the disk
            self._tasks.append(asyncio.create_task(noted, name="settings"))
        self.uplinks.start()
        self._tasks += [
            supervise("clock", self.time.run, on_fault),
            supervise("vitals", self._keep_watching, on_fault),
        ]
        self._tasks.append(supervise("doors", partial(self._web.run, self.server), on_fault))
        self._tasks.append(supervise("presence", self._presence.run, on_fault))
        self._tasks.append(supervise("doctor", self.doctor.run, on_fault))
        self._tasks.append(supervise("counts", self.counts.run, on_fault))

    async def _restore_rooms(self) -> None:
        """Restore every room; the rules last, because their linkages act on others."""
        await self._try("intake", self.intake.resume)
        await self._try("counters", self.counts.load)
        await self._try("setup", self.setup.start)
        await self._try("broadcast", self.broadcast.start)
        await self._try("requests", self.kiosk.start)
        await self._try("rules", self.rules.load)

    async def _try(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step of the start and contain its failure; a foreseen refusal is one line of log.

        Settings on trial must start completely: a failure ends the start, and they are rolled back.
        """
        if self._begun.trial is not None:
            await step()
        else:
            await attempt(what, step, self._recorder.record_failure)

    async def _keep_answering(self) -> None:
        """Open the port and the socket once no other process holds them."""
        while True:
            await asyncio.sleep(HELD_AGAIN_S)
            if not self.server.is_bound:
                with contextlib.suppress(Unavailable):
                    await self.server.start()
                    log.info("the pages are at %s", self.address)

    async def stop(self) -> None:
        """Stop reading, store what was read, stop sending, close the pages.

        A step that fails does not stop the following ones.
        """
        for what, step, within_s in (
            ("settings", self.lifecycle.stop, None),
            ("setup", self.setup.stop, None),
            ("buses", self.buses.stop, None),
            ("intake", self.intake.drain, STOP_WITHIN_S),
            ("tasks", partial(stop_tasks, self._tasks, STOP_WITHIN_S), None),
            ("counts", self.counts.save, STOP_WITHIN_S),
            ("rules", self.rules.stop, STOP_WITHIN_S / 2),
            ("requests", self.kiosk.stop, STOP_WITHIN_S / 2),
            ("broadcast", self.broadcast.stop, None),
            ("uplinks", self.uplinks.close, None),
            ("web", self.server.stop, None),
        ):
            await attempt_stop(what, step, self.faults.note, within_s)
        self.time.keep_floor()

    def _moved(self) -> bool:
        return self._journal.stats().stuck_s < STUCK_S_MAX

    async def _keep_watching(self) -> None:
        while True:
            self.health.tick()
            await self._recorder.record_faults()
            heard = not self.broadcast.unheard()
            self._recorder.report_own_state(self.rules, heard=heard)
            self._recorder.publish_status()
            await next_tick()

"""Places orders when schedules are due."""

import asyncio
import logging

from broadcast.material.presets import Presets
from broadcast.order import Authority
from broadcast.orders.order_request import OrderRequest, Requester, build_order
from broadcast.orders.schedules import LATE_S, DueSchedule, Schedules
from broadcast.playback.service import BroadcastService
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.errors import StationError
from gateway.faults import OnFault, log_fault

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


class ScheduleRunner:
    """Looks at the schedules every few seconds."""

    def __init__(
        self,
        schedules: Schedules,
        presets: Presets,
        room: BroadcastService,
        clock: Clock,
        on_fault: OnFault = log_fault,
    ) -> None:
        """A fault of one schedule is reported as `broadcast.schedule` and affects no other."""
        self._schedules = schedules
        self._presets = presets
        self._room = room
        self._clock = clock
        self._on_fault = on_fault

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            for due in await self._schedules.due():
                try:
                    await self._order(due)
                except Exception as error:  # noqa: BLE001  # the edge: the other schedules go on
                    self._on_fault("broadcast.schedule", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _order(self, due: DueSchedule) -> None:
        by = Requester(Actor("schedule", due.id), f"schedule.{due.id}", Authority.PRESS)
        ask = OrderRequest(zones=due.schedule.zones, preset=due.schedule.preset, expires_s=LATE_S)
        expires = self._clock.deadline(ask.expires_s)
        try:
            order = build_order(ask, by, self._presets, self._room.new_id(), expires)
            await self._room.place(order)
        except StationError as error:  # its preset was taken away
            log.warning("schedule %s: %s", due.id, error)

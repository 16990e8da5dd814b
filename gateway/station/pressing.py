"""What the keys on the wall do: a preset at a press, a fire panel's order, a voice while held."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import msgspec

from broadcast.ask import AskHere, By, lives_s, order_of
from broadcast.keys import Keys, Turn
from broadcast.options import KeyOptions
from broadcast.order import Authority, Class
from broadcast.paging import Paging
from broadcast.presets import Presets
from broadcast.room import Broadcast
from drivers.contract import Reading
from gateway.audit.events import Who
from gateway.clock import Clock
from gateway.errors import StationError
from gateway.station.remote import REFUSALS

log = logging.getLogger(__name__)

FIRE_S = 1800.0
"""A fire input's order lives so long; while the contact is active another follows it."""


class Pressing:
    """The keys of `station.toml`, over one room; `acting` is what they have set going."""

    def __init__(
        self,
        keys: Mapping[str, KeyOptions],
        room: Broadcast,
        presets: Presets,
        clock: Clock,
        paging: Paging,
    ) -> None:
        """`heard` on every poll of every device."""
        self.acting: set[asyncio.Task[None]] = set()
        self._room = room
        self._presets = presets
        self._clock = clock
        self._paging = paging
        self._keys = Keys(keys, self._key)

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device."""
        self._keys.heard(device, readings)
        if self._keys.no_fire:  # nobody knows which contact began what lost its record
            self._room.end_orphaned_fire()

    def _key(self, key: str, options: KeyOptions, turn: Turn) -> None:
        """A press is acted upon beside the poll that told it."""
        acting = asyncio.get_running_loop().create_task(self._act(key, options, turn))
        self.acting.add(acting)
        acting.add_done_callback(self.acting.discard)

    async def _act(self, key: str, options: KeyOptions, turn: Turn) -> None:
        try:
            if turn is Turn.RETURNED:
                await self._let_go(f"key.{key}")
            else:
                await self._press(key, options)
        except StationError as error:
            log.warning("key %s: %s", key, error)

    async def _press(self, key: str, options: KeyOptions) -> None:
        source, asked = f"key.{key}", options.order
        by = By(Who("staff", source), source, Authority.PRESS)
        if options.fire:
            by = By(Who("system", source), source, Authority.FIRE_INPUT)
        ask = AskHere(
            zones=(asked.zone,),
            preset=asked.preset,
            microphone=asked.microphone,
            cls=Class.LIVE.word if options.talks else asked.cls,
            repeat=asked.repeat,
        )
        now = self._clock.deadline(0)
        order = order_of(ask, by, self._presets, self._room.number(), now)
        lasts_s = FIRE_S if options.fire else asked.expires_s or lives_s(order.class_)
        expires = self._clock.deadline(lasts_s)
        # ten presses are one, and a fire's every poll is: the room knows which ends the one before
        order = msgspec.structs.replace(order, expires=expires, joins=source, at_once=True)
        receipt = await self._room.order(order)
        if receipt.state in REFUSALS:
            log.warning("key %s: %s", key, receipt.reason_code)

    async def _let_go(self, source: str) -> None:
        for kept in self._room.orders():
            if kept.open and kept.order.joins == source and not self._paging.end(kept.order.id):
                await self._room.cancel(kept.order.id, Who("system", source))

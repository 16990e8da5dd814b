"""Keys on the wall: a press of a wired contact places the order that the settings assign to it.

A key acts at the edge, a fire panel's contact as long as it is active, whatever ended before. A
talk key counts as released as soon as its state is unknown; one that is held so long that its input
counts as stuck is still held.
"""

import enum
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from broadcast.material.presets import Presets
from broadcast.microphone.paging import Paging
from broadcast.options import KeyOptions
from broadcast.order import Authority, OrderClass
from broadcast.orders.order_request import (
    REFUSALS,
    LocalOrderRequest,
    Requester,
    build_order,
    lifetime_s,
)
from broadcast.playback.service import BroadcastService
from drivers.contract import Quality, Reading
from gateway.audit.events import Actor
from gateway.clock import Clock
from gateway.errors import StationError
from gateway.tasks import TaskSet

log = logging.getLogger(__name__)

# How long a fire input's order lives; while the contact is active another one follows.
FIRE_S = 1800.0


class KeyEdge(enum.Enum):
    PRESSED = "pressed"
    ACTIVE = "active"
    RETURNED = "returned"


class WallKeys:
    """Turns polls of inputs into edges of keys."""

    def __init__(
        self, keys: Mapping[str, KeyOptions], act: Callable[[str, KeyOptions, KeyEdge], None]
    ) -> None:
        """Call `act(key, options, edge)` for every press and poll of an active fire input."""
        self._act = act
        self._at: dict[tuple[str, str], list[str]] = {}
        self._keys = dict(keys)
        self._down: dict[str, bool] = {}
        for key, options in keys.items():
            device, _, point = options.input.partition(".")
            self._at.setdefault((device, point), []).append(key)
        self._devices = {device for device, _ in self._at}
        self._fires = tuple(key for key, options in keys.items() if options.fire)

    def handle_readings(self, device: str, readings: Sequence[Reading]) -> None:
        """Take one poll of a device. Bad readings are ignored; the first reading is no press."""
        if device not in self._devices:
            return
        for reading in readings:
            for key in self._at.get((device, reading.point), ()):
                for turn in self._edges(key, reading):
                    self._act(key, self._keys[key], turn)

    @property
    def no_fire(self) -> bool:
        """Whether every fire panel's contact is known to be reset."""
        return all(self._down.get(key) is False for key in self._fires)

    def _edges(self, key: str, reading: Reading) -> Iterator[KeyEdge]:
        if reading.quality is Quality.GOOD and isinstance(reading.value, bool):
            yield from self._turns(key, down=reading.value)
        elif reading.quality is Quality.SENSOR_FAULT and reading.value is True:
            if self._keys[key].fire:
                yield from self._turns(key, down=True)
        elif self._keys[key].talks and self._down.pop(key, False):
            yield KeyEdge.RETURNED

    def _turns(self, key: str, *, down: bool) -> Iterator[KeyEdge]:
        before = self._down.get(key)
        self._down[key] = down
        if self._keys[key].fire:
            if down:
                yield KeyEdge.ACTIVE
            elif before is not False:  # reset while it was not polled: its order may still play
                yield KeyEdge.RETURNED
        elif down and before is False:
            yield KeyEdge.PRESSED
        elif before and not down and self._keys[key].talks:
            yield KeyEdge.RETURNED


class WallKeyActions:
    """Carries out what the keys of `station.toml` order; `acting` are its tasks."""

    def __init__(
        self,
        keys: Mapping[str, KeyOptions],
        room: BroadcastService,
        presets: Presets,
        clock: Clock,
        paging: Paging,
    ) -> None:
        self.acting = TaskSet()
        self._room = room
        self._presets = presets
        self._clock = clock
        self._paging = paging
        self._keys = WallKeys(keys, self._key)

    def handle_readings(self, device: str, readings: Sequence[Reading]) -> None:
        """Take one poll of a device."""
        self._keys.handle_readings(device, readings)
        if self._keys.no_fire:  # it is unknown which contact began a sound without a record
            self._room.end_orphaned_fire()

    def _key(self, key: str, options: KeyOptions, turn: KeyEdge) -> None:
        """Act on a key's edge, without delaying the poll."""
        self.acting.start(self._act(key, options, turn))

    async def _act(self, key: str, options: KeyOptions, turn: KeyEdge) -> None:
        try:
            if turn is KeyEdge.RETURNED:
                await self._let_go(f"key.{key}")
            else:
                await self._press(key, options)
        except StationError as error:
            log.warning("key %s: %s", key, error)

    async def _press(self, key: str, options: KeyOptions) -> None:
        source, asked = f"key.{key}", options.order
        by = Requester(Actor("staff", source), source, Authority.PRESS)
        if options.fire:
            by = Requester(Actor("system", source), source, Authority.FIRE_INPUT)
        ask = LocalOrderRequest(
            zones=(asked.zone,),
            preset=asked.preset,
            microphone=asked.microphone,
            cls=OrderClass.LIVE.word if options.talks else asked.cls,
            repeat=asked.repeat,
        )
        now = self._clock.deadline(0)
        order = build_order(ask, by, self._presets, self._room.new_id(), now)
        lasts_s = FIRE_S if options.fire else asked.expires_s or lifetime_s(order.class_)
        expires = self._clock.deadline(lasts_s)
        # Ten presses are one order, and so is every poll of a fire input: the service knows which
        # one ends the one before.
        order = msgspec.structs.replace(order, expires=expires, joins=source, at_once=True)
        receipt = await self._room.place(order)
        if receipt.state in REFUSALS:
            log.warning("key %s: %s", key, receipt.reason_code)

    async def _let_go(self, source: str) -> None:
        for kept in self._room.orders():
            if kept.open and kept.order.joins == source and not self._paging.end(kept.order.id):
                await self._room.cancel(kept.order.id, Actor("system", source))

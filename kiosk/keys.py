"""Keys on the wall: a wired contact closes, and a request is made, with or without a screen.

Plates 1 and 0 act by themselves. A key that needs a screen goes to the page of its kiosk; where
there is none, it calls a person.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from drivers.contract import Quality, Reading
from gateway.clock import Clock
from gateway.errors import StationError
from kiosk.catalogue import CALL_SERVICE, Service
from kiosk.options import Options
from kiosk.request import Press
from kiosk.room import Requests

log = logging.getLogger(__name__)

_ALONE = frozenset({"ride", "call"})
"""Families that a key can ask for without anything to choose."""


class Keys:
    """Hears the inputs; every rising edge is one press."""

    def __init__(
        self,
        kiosks: Mapping[str, Options],
        services: Mapping[str, Service],
        requests: Requests,
        clock: Clock,
    ) -> None:
        """The keys of those kiosks."""
        self._keys = {
            tuple(word.partition(".")[::2]): (kiosk, int(number))
            for kiosk, options in kiosks.items()
            for number, word in options.keys.items()
        }
        self._devices = {device for device, _ in self._keys}
        self._services = services
        self._requests = requests
        self._clock = clock
        self._closed: set[tuple[str, ...]] = set()
        self._pages: list[Callable[[str, int], None]] = []
        self._pressing: set[asyncio.Task[None]] = set()

    def listen(self, page: Callable[[str, int], None]) -> None:
        """`page(kiosk, number)` hears of keys that are for the screen."""
        self._pages.append(page)

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device: intake's listener; never raises."""
        if device not in self._devices:
            return
        for reading in readings:
            key = (device, reading.point)
            if key in self._keys:
                self._level(key, closed=reading.value is True and reading.quality is Quality.GOOD)

    def _level(self, key: tuple[str, ...], *, closed: bool) -> None:
        if not closed:
            self._closed.discard(key)
        elif key not in self._closed:
            self._closed.add(key)
            kiosk, number = self._keys[key]
            task = asyncio.get_running_loop().create_task(self.press(kiosk, number))
            self._pressing.add(task)
            task.add_done_callback(self._pressing.discard)

    async def press(self, kiosk: str, number: int) -> None:
        """That key of that kiosk was pressed."""
        service = next((one for one in self._services.values() if one.key == number), None)
        if (service is None or service.family not in _ALONE) and self._requests.screens.has(kiosk):
            for page in self._pages:
                page(kiosk, number)
            return
        wanted = service.id if service and service.family in _ALONE else CALL_SERVICE
        press = f"key-{self._clock.boot[:8]}-{self._clock.now_ns()}"
        try:
            await self._requests.press(Press(press=press, kiosk=kiosk, service=wanted))
        except StationError as error:
            log.warning("key %d of %s made no request: %s", number, kiosk, error)

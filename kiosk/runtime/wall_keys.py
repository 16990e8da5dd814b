"""Keys on the wall: a wired contact closes, and a request is made, with or without a screen.

Plates 1 and 0 act by themselves. A key that needs a screen goes to the page of its kiosk; where
there is none, it calls a person. Every press is answered aloud: what is there already is said once
more, and so is that nothing could be done.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from drivers.contract import Quality, Reading
from gateway.clock import Clock
from gateway.errors import StationError
from gateway.tasks import TaskSet
from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.options import KioskOptions
from kiosk.requests.request import Press, Request, S
from kiosk.requests.request_type import TypeFlag
from kiosk.runtime.service import RequestService

log = logging.getLogger(__name__)

# A contact of which nothing was known for so long: what it says then is no press.
UNKNOWN_S = 10.0

# So long an answer is heard; who presses meanwhile is being answered.
ANSWER_S = 5.0


class _Contact:
    """One wired key: whether it is closed, None while nobody knows, and since when it is silent."""

    def __init__(self) -> None:
        self._closed: bool | None = None
        self._silent_ns: int | None = None

    def pressed(self, *, closed: bool | None, now_ns: int) -> bool:
        """Whether that reading is a press. A bad one (None) is nothing, the first good one none."""
        if closed is None:
            self._silent_ns = self._silent_ns or now_ns
            return False
        silent_ns, self._silent_ns = self._silent_ns, None
        if silent_ns is not None and now_ns - silent_ns > UNKNOWN_S * S:
            self._closed = None
        before, self._closed = self._closed, closed
        return closed and before is False


class KioskWallKeys:
    """Hears the inputs; every contact that closes is one press."""

    def __init__(
        self,
        kiosks: Mapping[str, KioskOptions],
        services: Mapping[str, KioskService],
        requests: RequestService,
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
        self._contacts = {key: _Contact() for key in self._keys}
        self._answered_ns: dict[tuple[str, int], int] = {}
        self._pages: list[Callable[[str, int], None]] = []
        self._sorry: list[Callable[[str], None]] = []
        self._pressing = TaskSet()

    def add_listener(
        self, page: Callable[[str, int], None], sorry: Callable[[str], None] = lambda _: None
    ) -> None:
        """`page(kiosk, number)` hears of keys for the screen, `sorry(kiosk)` of refusals."""
        self._pages.append(page)
        self._sorry.append(sorry)

    def on_poll(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device: intake's listener; never raises."""
        if device not in self._devices:
            return
        for reading in readings:
            key = (device, reading.point)
            if key in self._keys:
                told = reading.quality is Quality.GOOD and isinstance(reading.value, bool)
                closed = reading.value is True if told else None
                if self._contacts[key].pressed(closed=closed, now_ns=self._clock.now_ns()):
                    self._begin(*self._keys[key])

    def _begin(self, kiosk: str, number: int) -> None:
        """A press is acted upon beside the poll that told it."""
        self._pressing.start(self.handle_key(kiosk, number))

    async def handle_key(self, kiosk: str, number: int) -> None:
        """That key of that kiosk was pressed."""
        service = next((one for one in self._services.values() if one.key == number), None)
        has_page = self._requests.screens.is_alive(kiosk)
        alone = service is not None and service.type.has_flag(TypeFlag.WALL_KEY)
        if not alone and has_page:
            self._turn_to(kiosk, number)
            return
        wanted = service.id if service is not None and alone else CALL_SERVICE
        press = f"key-{self._clock.boot[:8]}-{self._clock.now_ns()}"
        try:
            made = await self._requests.submit_press(
                Press(press=press, kiosk=kiosk, service=wanted)
            )
            await self._answer(kiosk, number, made, new=made.presses[:1] == (press,))
        except StationError as error:
            log.warning("key %d of %s made no request: %s", number, kiosk, error)
            if self._is_due(kiosk, number):
                for sorry in self._sorry:
                    sorry(kiosk)

    async def _answer(self, kiosk: str, number: int, made: Request, *, new: bool) -> None:
        """What is new says itself; what was there already is said once more, or asked about."""
        if not self._is_due(kiosk, number) or new or made.said != made.cue:
            return
        if made.type.kiosk_max and self._requests.screens.is_alive(kiosk):
            self._turn_to(kiosk, number)  # whoever presses may be somebody else
        else:
            await self._requests.repeat_sentence(made.id)

    def _is_due(self, kiosk: str, number: int) -> bool:
        """Whether the last answer to that key is over, so that this press needs one of its own."""
        now_ns, key = self._clock.now_ns(), (kiosk, number)
        before_ns = self._answered_ns.get(key)
        due = before_ns is None or now_ns - before_ns >= ANSWER_S * S
        if due:
            self._answered_ns[key] = now_ns
        return due

    def _turn_to(self, kiosk: str, number: int) -> None:
        for page in self._pages:
            page(kiosk, number)

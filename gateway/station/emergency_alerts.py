"""Present emergencies, as the kiosks' screens show them."""

from collections.abc import Callable

from broadcast.material.presets import Presets
from broadcast.order import Order, PresetContent, SentenceContent, TextContent
from broadcast.orders.repository import OrderRecord
from broadcast.playback.service import BroadcastService
from gateway.clock import Clock
from gateway.errors import NotFound
from kiosk.screen.alerts import ScreenAlert


class EmergencyAlerts:
    """The kiosks' `Alerts`: orders of class 8 and 9 that may sound now, heard or not."""

    def __init__(
        self, room: BroadcastService, presets: Presets, clock: Clock, spoken: Callable[[str], str]
    ) -> None:
        """`spoken(place)` is how a place is called aloud."""
        self._room = room
        self._presets = presets
        self._clock = clock
        self._spoken = spoken

    def find_alert(self, zone: str, place: str) -> ScreenAlert | None:
        """As the kiosk's Protocol has it."""
        found = [
            kept.order
            for kept in self._room.orders()
            if self._goes_on(kept) and self._concerns(kept.order, zone, place)
        ]
        if not found:
            return None
        order = max(found, key=lambda one: one.class_)  # of equals the first: the newest
        return ScreenAlert(order.id, *self._words(order))

    def _goes_on(self, kept: OrderRecord) -> bool:
        """Whether the order is under way now.

        Not if it is scheduled for later, is of a boot whose time is unknown, or was heard and only
        waits for a broken loudspeaker.
        """
        order = kept.order
        if not order.class_.urgent or kept.boot != self._clock.boot:
            return False
        if not self._room.is_current(kept):
            return False
        early = order.not_before is not None and not order.not_before.passed(self._clock)
        return not early and not order.expires.passed(self._clock)

    def _concerns(self, order: Order, zone: str, place: str) -> bool:
        """Whether it is heard there, or is about that place."""
        house = self._room.house
        heard = house.speakers([zone]) & house.speakers(order.zones)
        about = (house.zones[each].places for each in order.zones if each in house.zones)
        return bool(heard) or zone in order.zones or any(place in places for places in about)

    def _words(self, order: Order) -> tuple[str, str]:
        """Its words and their language; of a recording, its name."""
        content = order.content
        if isinstance(content, TextContent | SentenceContent):
            return content.text, content.language
        if not isinstance(content, PresetContent):
            return "", "zh"
        try:
            preset = self._presets.get(content.preset)
        except NotFound:
            return content.text, "zh"
        text = content.text or preset.text or preset.name
        return text.replace("{place}", self._spoken(order.place)), preset.language

"""`[kiosk.<id>]`: one terminal; and with `[service.<id>]`, all that requests are set to."""

import math
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec

from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.request_type import TYPES

MM_AN_INCH = 25.4


class KioskPanel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The screen: sizes on it are millimetres, for a reader at that distance."""

    inch: Annotated[float, msgspec.Meta(ge=7, le=86)] = 21.5
    px: tuple[
        Annotated[int, msgspec.Meta(ge=480, le=8192)],
        Annotated[int, msgspec.Meta(ge=480, le=8192)],
    ] = (1080, 1920)
    view_mm: Annotated[int, msgspec.Meta(ge=300, le=3000)] = 600

    @property
    def px_a_mm(self) -> float:
        """How many of its pixels are a millimetre."""
        return math.hypot(*self.px) / (self.inch * MM_AN_INCH)


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class WeeklyNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the station offers at an hour of every week: shown on the first screen until then."""

    at: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    what: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    where: Annotated[str, msgspec.Meta(max_length=6)] = ""
    on: tuple[Weekday, ...] = WEEKDAYS


class KioskOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[kiosk.<id>]`: its zone (where it speaks), its place, its services, the keys on its wall.

    `keys` says which input (`device.input`) is which number on a plate. `microphone` is one
    of `[microphone.*]`: with one, whoever reports a fault may say a few words.
    """

    zone: str
    place: str | None = None
    panel: KioskPanel = KioskPanel()
    services: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=10)] = (
        "ride",
        "staff",
        "repair",
    )
    keys: dict[str, str] = {}
    microphone: str | None = None
    today: Annotated[tuple[WeeklyNotice, ...], msgspec.Meta(max_length=40)] = ()

    def upcoming_notices(self, clock: str, weekday: int) -> list[WeeklyNotice]:
        """What is still to come on that day, the soonest first; `clock` is `HH:MM`."""
        day = WEEKDAYS[weekday]
        later = [one for one in self.today if day in one.on and one.at >= clock]
        return sorted(later, key=lambda one: one.at)


class KioskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say: the kiosks, and by service id how each service is carried out."""

    kiosks: dict[str, KioskOptions] = {}
    services: dict[str, Any] = {}
    phone: str = ""
    language: str = "zh"

    def service_options(self, service: KioskService) -> Any:
        """`[service.<id>]` of that service: its type's options, the defaults if there are none."""
        found = self.services.get(service.id)
        return service.type.options() if found is None else found

    def types_in_use(
        self, services: Mapping[str, KioskService], linked: Collection[str] = ()
    ) -> list[str]:
        """The types of what kiosks offer or the settings name, and that of a call, in order.

        `linked` are services that linkages open.
        """
        offered = {name for kiosk in self.kiosks.values() for name in kiosk.services}
        wanted = offered | self.services.keys() | {CALL_SERVICE, *linked}
        used = {services[name].family for name in wanted if name in services}
        return sorted(used, key=lambda name: TYPES[name].order)

"""`[kiosk.<id>]`: one terminal; `[service.<id>]`: how a service is carried out here."""

import math
from typing import Annotated, Literal

import msgspec

from gateway.errors import SettingsError
from gateway.upstream.uplinks.http.options import HttpOptions
from kiosk.catalogue import Within

Road = Literal["platform", "dispatcher", "desk"]
DESK = "desk"


MM_AN_INCH = 25.4


class Panel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


class Fixture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the station offers at an hour of every week: shown on the first screen until then."""

    at: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    what: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    where: Annotated[str, msgspec.Meta(max_length=6)] = ""
    on: tuple[Weekday, ...] = WEEKDAYS


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[kiosk.<id>]`: its zone (where it speaks), its place, its services, the keys on its wall.

    `keys` says which input (`device.input`) is which number on a plate. `microphone` is one
    of `[microphone.*]`: with one, whoever reports a fault may say a few words.
    """

    zone: str
    place: str | None = None
    panel: Panel = Panel()
    services: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=10)] = (
        "ride",
        "staff",
        "repair",
    )
    keys: dict[str, str] = {}
    microphone: str | None = None
    today: Annotated[tuple[Fixture, ...], msgspec.Meta(max_length=40)] = ()

    def next_of(self, clock: str, weekday: int) -> list[Fixture]:
        """What is still to come on that day, the soonest first; `clock` is `HH:MM`."""
        day = WEEKDAYS[weekday]
        later = [one for one in self.today if day in one.on and one.at >= clock]
        return sorted(later, key=lambda one: one.at)


class Dispatcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`dispatcher` of a ride service: where cars are asked for (docs/dispatch.md).

    It is reached as a platform is: the same keys mean the same.
    """

    url: str
    credential: str | None = None
    ca_file: str | None = None
    plain: bool = False

    def __post_init__(self) -> None:
        """Refuse an address that an uplink would not take."""
        _ = self.uplink

    @property
    def uplink(self) -> HttpOptions:
        """The same as the upstream takes it."""
        return HttpOptions(
            url=self.url,
            credential=self.credential,
            ca_file=self.ca_file,
            plain=self.plain,
            required=False,
            commands=False,
        )


class RideOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.ride]`: who is asked for a car, in which order, and for how long.

    `accept_within_s`: a dispatcher that has not answered by then is never asked again for this
    press. `desk_within_s`: as long as the desk may take. `find_within_s`: from being taken to a
    driver. `settle_s`: how long a doubt is looked into. `phone` is dialled where no car comes.
    """

    dispatch: Annotated[tuple[Road, ...], msgspec.Meta(min_length=1, max_length=3)] = (
        "platform",
        "desk",
    )
    dispatcher: Dispatcher | None = None
    accept_within_s: Annotated[float, msgspec.Meta(ge=2, le=120)] = 20.0
    desk_within_s: Annotated[float, msgspec.Meta(ge=10, le=600)] = 60.0
    find_within_s: Annotated[float, msgspec.Meta(ge=30, le=900)] = 180.0
    settle_s: Annotated[float, msgspec.Meta(ge=2, le=120)] = 20.0
    phone: Annotated[str, msgspec.Meta(pattern="^[0-9-]{3,20}$")] | None = None

    def __post_init__(self) -> None:
        """Refuse a road that leads nowhere, or the same one twice."""
        if len(set(self.dispatch)) < len(self.dispatch):
            raise SettingsError("requests.road-twice", key="dispatch")
        if ("dispatcher" in self.dispatch) != (self.dispatcher is not None):
            raise SettingsError("requests.no-dispatcher", key="dispatch")


class CallOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.staff]`: after `alone_s` without an answer, the person is told what to dial."""

    alone_s: Annotated[float, msgspec.Meta(ge=30, le=900)] = 120.0


class WorkOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.repair]`: `phones` by picture, where a person is called and a number shown.

    `within` by picture: what this station promises, where that is not as `config/services` has it.
    `close_after_days`: an order that was done so long ago, and for which nobody has pressed a face,
    closes by itself.
    """

    rate_within_h: Annotated[float, msgspec.Meta(ge=1, le=720)] = 48.0
    reopen_within_days: Annotated[float, msgspec.Meta(ge=1, le=90)] = 7.0
    close_after_days: Annotated[float, msgspec.Meta(ge=3, le=365)] = 14.0
    phones: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9-]{3,20}$")]] = {}
    within: dict[str, Within] = {}


ServiceOptions = RideOptions | CallOptions | WorkOptions
SHAPES: dict[str, type[RideOptions] | type[CallOptions] | type[WorkOptions]] = {
    "ride": RideOptions,
    "call": CallOptions,
    "work": WorkOptions,
}
"""What a service may be set to, by its family."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say: the kiosks, and how each service is carried out."""

    kiosks: dict[str, Options] = {}
    ride: RideOptions = RideOptions()
    call: CallOptions = CallOptions()
    work: WorkOptions = WorkOptions()
    phone: str = ""
    language: str = "zh"

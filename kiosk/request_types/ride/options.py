"""`[service.<id>]` of a ride: who is asked for a car."""

from typing import Annotated, Literal

import msgspec

from gateway.errors import SettingsError
from gateway.upstream.uplinks.http.options import HttpOptions

RouteName = Literal["platform", "dispatcher", "desk"]
DESK = "desk"


class DispatcherOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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

    dispatch: Annotated[tuple[RouteName, ...], msgspec.Meta(min_length=1, max_length=3)] = (
        "platform",
        "desk",
    )
    dispatcher: DispatcherOptions | None = None
    accept_within_s: Annotated[float, msgspec.Meta(ge=2, le=120)] = 20.0
    desk_within_s: Annotated[float, msgspec.Meta(ge=10, le=600)] = 60.0
    find_within_s: Annotated[float, msgspec.Meta(ge=30, le=900)] = 180.0
    settle_s: Annotated[float, msgspec.Meta(ge=2, le=120)] = 20.0
    phone: Annotated[str, msgspec.Meta(pattern="^[0-9-]{3,20}$")] | None = None

    @property
    def partners(self) -> dict[str, str]:
        """The addresses that it calls, by the key that names them."""
        return {} if self.dispatcher is None else {"dispatcher": self.dispatcher.url}

    def __post_init__(self) -> None:
        """Refuse a road that leads nowhere, or the same one twice."""
        if len(set(self.dispatch)) < len(self.dispatch):
            raise SettingsError("requests.road-twice", key="dispatch")
        if ("dispatcher" in self.dispatch) != (self.dispatcher is not None):
            raise SettingsError("requests.no-dispatcher", key="dispatch")

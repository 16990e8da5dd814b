"""What a platform says of a ride by itself: `ride.update`."""

from collections.abc import Iterator
from typing import Any

from gateway.upstream.inbox.command import CommandKind, Mandate
from kiosk.request_types.ride.dispatch import PLATFORM, RideStatus
from kiosk.request_types.ride.type import TYPE
from kiosk.requests.request import PendingCancel
from kiosk.runtime.service import RequestService


class RideUpdate(RideStatus, frozen=True, kw_only=True):
    """How a ride stands at the platform's; `ride` as it was asked for."""

    ride: str


async def report_status(requests: RequestService, by: PendingCancel, status: RideStatus) -> None:
    """A dispatcher says by itself how a ride stands; UsageError if it holds none such."""
    await requests.apply_command(TYPE.name, lambda rules, now: rules.record_status(by, status, now))


def ride_update_command(requests: RequestService, uplink: str) -> CommandKind:
    """`ride.update`: searching, assigned, arrived, boarded, driver-cancelled, none.

    A platform speaks only of rides that were asked of it, by its own `uplink`.
    """

    async def act(asked: RideUpdate, _mandate: Mandate) -> Any:
        await report_status(requests, PendingCancel(PLATFORM, asked.ride, uplink), asked)
        rides: Any = requests.engine.rules(TYPE.name)
        return {"state": rides.find_by_ride(asked.ride).state}

    return CommandKind("ride.update", RideUpdate, act)


def command_kinds(requests: RequestService, uplink: str) -> Iterator[CommandKind]:
    """The commands of this type, from the platform behind that uplink."""
    yield ride_update_command(requests, uplink)

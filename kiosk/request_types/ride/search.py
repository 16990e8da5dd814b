"""The present search of a ride: what it holds, and who must hear that it is off."""

from typing import Any

import msgspec

from kiosk.request_types.ride.type import RideEvent
from kiosk.requests.request import PendingCancel, Request, Ride


def names_another_car(act: str, before: Ride, now: Ride) -> bool:
    """Whether staff speak of a car that is not the one which the dispatcher has named."""
    if act in (RideEvent.ACCEPT, RideEvent.ASSIGN):
        return True
    named = before.car is not None and now.car is not None and before.car.plate == now.car.plate
    return act in (RideEvent.ARRIVE, RideEvent.BOARD) and not named


def pending_cancel(request: Request, ride: Ride) -> PendingCancel:
    """Whoever holds that ride must hear that it is off."""
    return PendingCancel(ride.road, request.ride_id, ride.holder)


def get_ride(request: Request) -> Ride:
    """Its ride; every request of this type has one."""
    assert request.ride is not None
    return request.ride


def replace_ride(request: Request, **fields: Any) -> Ride:
    """Its ride with those fields changed."""
    return msgspec.structs.replace(get_ride(request), **fields)

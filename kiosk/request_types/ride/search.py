"""The present search of a ride: what it holds, and who must hear that it is off."""

from typing import Any

import msgspec

from kiosk.request import Owed, Request, Ride
from kiosk.request_types.ride.type import RideEvent


def names_another_car(act: str, before: Ride, now: Ride) -> bool:
    """Whether staff speak of a car that is not the one which the dispatcher has named."""
    if act in (RideEvent.ACCEPT, RideEvent.ASSIGN):
        return True
    named = before.car is not None and now.car is not None and before.car.plate == now.car.plate
    return act in (RideEvent.ARRIVE, RideEvent.BOARD) and not named


def owed_to(request: Request, ride: Ride) -> Owed:
    """Whoever holds that ride must hear that it is off."""
    return Owed(ride.road, request.ride_id, ride.holder)


def ride_of(request: Request) -> Ride:
    """Its ride; every request of this type has one."""
    assert request.ride is not None
    return request.ride


def with_ride(request: Request, **fields: Any) -> Ride:
    """Its ride with those fields changed."""
    return msgspec.structs.replace(ride_of(request), **fields)

"""A ride at the desk: which car comes, and how staff dispatch one themselves."""

from typing import ClassVar

import msgspec

from gateway.web.words import Words
from kiosk.board.row import BAD, CAR, OFF, OK, WAIT, WARN, Form, Row, TypeDesk, car
from kiosk.request import Car, Request
from kiosk.request_types.ride.dispatch import NO_ROAD
from kiosk.request_types.ride.options import DESK as AT_DESK


class RideDesk(TypeDesk):
    """It waits for staff only while they are the ones to find a car."""

    pictogram = "car"
    marks: ClassVar = {
        "asking": WAIT,
        "searching": WAIT,
        "again": WAIT,
        "assigned": OK,
        "arrived": OK,
        "checking": WARN,
        "boarded": OK,
        "cancelled": OFF,
        "no-car": BAD,
        "away": BAD,
        "expired": BAD,
        "unknown": BAD,
        "late": WARN,
    }
    take = "accept"
    forms = (
        Form("accept", "check", first=True),
        Form("assign", "car", CAR, first=True),
        Form("arrive", "bell", first=True),
        Form("board", "check"),
        Form("refuse", "cross"),
        Form("cancel", "cross"),
    )

    def waits(self, request: Request) -> bool:
        """Nobody at the desk has taken it."""
        return _desk_drives(request) and request.untaken

    def details(self, row: Row, words: Words) -> list[str]:
        """The car, or who is asked for one."""
        ride = row.request.ride
        assert ride is not None
        if _desk_drives(row.request) and row.request.code == NO_ROAD:
            known = [] if ride.car is None else [car(ride.car, words)]
            return [words("board.road-gone"), *known]
        if ride.car is not None:
            return [car(ride.car, words)]
        if row.request.ended or not ride.road:
            return []
        return [words(f"board.road-{ride.road}")]

    def preview(self, request: Request, car: Car | None) -> Request:
        """With that car on its way."""
        if car is None or request.ride is None:
            return request
        ride = msgspec.structs.replace(request.ride, car=car)
        return msgspec.structs.replace(request, ride=ride, state="assigned")


def _desk_drives(request: Request) -> bool:
    """Whether staff dispatch this ride."""
    return request.ride is not None and request.ride.road == AT_DESK


DESK = RideDesk()

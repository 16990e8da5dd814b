"""A ride at the desk: which car comes, and how staff dispatch one themselves."""

from typing import ClassVar

import msgspec

from gateway.web.i18n import Translator
from kiosk.desk.row import BAD, CAR, OFF, OK, WAIT, WARN, ActionForm, RequestRow, TypeDesk, car_text
from kiosk.request_types.ride.dispatch import NO_ROAD
from kiosk.request_types.ride.options import DESK as AT_DESK
from kiosk.requests.request import Car, Request


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
        ActionForm("accept", "check", first=True),
        ActionForm("assign", "car", CAR, first=True),
        ActionForm("arrive", "bell", first=True),
        ActionForm("board", "check"),
        ActionForm("refuse", "cross"),
        ActionForm("cancel", "cross"),
    )

    def is_waiting(self, request: Request) -> bool:
        """Nobody at the desk has taken it."""
        return _desk_drives(request) and request.untaken

    def details(self, row: RequestRow, words: Translator) -> list[str]:
        """The car, or who is asked for one."""
        ride = row.request.ride
        assert ride is not None
        if _desk_drives(row.request) and row.request.code == NO_ROAD:
            known = [] if ride.car is None else [car_text(ride.car, words)]
            return [words("board.road-gone"), *known]
        if ride.car is not None:
            return [car_text(ride.car, words)]
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

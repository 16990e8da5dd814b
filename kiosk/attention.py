"""Whose page it is: what takes a kiosk's screen by itself, and what is only shown beside. Pure.

A page belongs to whoever began it. A car's plate stands in the head of every other page
(`drawing/scene.py`), so that nobody loses what they were doing to a neighbour's car.
"""

from collections.abc import Iterable

from kiosk.request import Request, S
from kiosk.session import Session

COMES = frozenset({"assigned", "arrived"})
"""A ride of which the plate is known, and must be seen."""

HELPED_S = 600.0
"""Who is left without a car is told for so long that somebody knows of it."""

_FREE = frozenset({"home", "sorry", "none"})
"""Pages that nobody loses anything by."""


def takes(session: Session, shown: Request | None, request: Request, *, new: bool) -> bool:
    """Whether that turn of a request takes the screen; `new`: somebody has only now pressed it."""
    if request.ended or session.request == request.id:
        return False
    if new or session.page in _FREE:
        return new or request.family == "ride" or _is_on_the_way(request)
    calls = session.page == "request" and shown is not None and shown.family == "call"
    if request.family == "ride":
        return request.state in COMES and calls
    return _is_on_the_way(request) and session.page == "request" and _is_of(request, shown)


def helped(request: Request, calls: Iterable[Request], now: int) -> Request | None:
    """The call by which somebody knows that no car comes; `now` in seconds of lived time."""
    if request.family != "ride" or now - request.since_ns / S > HELPED_S:
        return None
    return next((one for one in calls if one.linked == request.id and not one.ended), None)


def waiting(own: Iterable[Request]) -> Request | None:
    """What somebody still waits for: a car that has come before all, then the newest.

    Of an answered call only the question whether somebody has come.
    """
    waits = [
        one
        for one in own
        if one.family != "work"
        and not (one.ended or one.quiet)
        and (one.state != "answered" or one.asked)
    ]
    return next((one for one in waits if one.state == "arrived"), next(iter(waits), None))


def _is_on_the_way(request: Request) -> bool:
    return request.family == "call" and request.state == "answered"


def _is_of(call: Request, shown: Request | None) -> bool:
    """Whether that call was made for the ride that is shown."""
    return shown is not None and call.linked == shown.id

"""Whose page it is: what takes a kiosk's screen by itself, and what is only shown beside. Pure.

A page belongs to whoever began it. A car's plate stands in the head of every other page
(`drawing/scene.py`), so that nobody loses what they were doing to a neighbour's car.
"""

from collections.abc import Iterable

from kiosk.requests.request import Request, S
from kiosk.requests.request_type import TypeFlag
from kiosk.screen.context import RenderContext, find_screens
from kiosk.screen.session import KioskSession

# Who is left without a car is told for so long that somebody knows of it.
HELPED_S = 600.0

# Pages that nobody loses anything by.
_FREE = frozenset({"home", "sorry", "none"})


def takes_screen(
    session: KioskSession, shown: Request | None, request: Request, *, new: bool
) -> bool:
    """Whether that turn of a request takes the screen; `new`: somebody has only now pressed it."""
    if request.ended or session.request == request.id:
        return False
    if new:
        return True
    before = shown if session.page == "request" else None
    screens = find_screens(request.family)
    return screens.takes_page(request, before, free=session.page in _FREE)


def find_helper(request: Request, calls: Iterable[Request], now: int) -> Request | None:
    """The call by which somebody knows that it has failed; `now` in seconds of lived time."""
    if not request.type.failing or now - request.since_ns / S > HELPED_S:
        return None
    open_calls = (one for one in calls if one.type.has_flag(TypeFlag.CALLS_STAFF) and not one.ended)
    return next((one for one in open_calls if one.linked == request.id), None)


def is_awaited(session: KioskSession, scene: RenderContext) -> bool:
    """Whether somebody waits for what is shown: that screen never goes by itself."""
    shown = scene.shown
    if shown is None or session.page != "request" or not shown.type.has_flag(TypeFlag.AWAITED):
        return False
    return not shown.ended or find_helper(shown, scene.requests, scene.now) is not None


def is_over(session: KioskSession, scene: RenderContext) -> bool:
    """Whether leaving costs nobody anything."""
    return session.page == "request" and (scene.shown is None or scene.shown.ended)


def find_awaited(own: Iterable[Request]) -> Request | None:
    """What somebody still waits for: by its rank, then the newest."""
    waits = [one for one in own if not (one.ended or one.quiet) and _rank(one)]
    return max(waits, key=_rank, default=None)


def _rank(request: Request) -> int:
    return find_screens(request.family).waiting_rank(request)

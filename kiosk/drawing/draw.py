"""The screen for where somebody is."""

from collections.abc import Callable, Mapping

from kiosk.drawing import choose
from kiosk.drawing.alert import alert
from kiosk.drawing.call import call
from kiosk.drawing.home import home
from kiosk.drawing.ride import ride
from kiosk.drawing.scene import Scene, foot, line, of_service, screen, wide
from kiosk.drawing.voice import voice
from kiosk.drawing.work import work
from kiosk.request import Request
from kiosk.screen import Screen

_OF_FAMILY: Mapping[str, Callable[[Scene, Request], Screen]] = {
    "ride": ride,
    "call": call,
    "work": work,
}
_PAGES: Mapping[str, Callable[[Scene], Screen]] = {
    "what": choose.what,
    "where": choose.where,
    "voice": voice,
    "phone": choose.phone,
    "check": choose.check,
    "whose": choose.whose,
    "options": choose.options,
    "sorry": choose.sorry,
}


def draw(scene: Scene) -> Screen:
    """What stands there now."""
    session, shown = scene.session, scene.shown
    if scene.alert is not None:
        return alert(scene, scene.alert)
    if session.asked:
        return choose.still(scene)
    if shown is not None and session.page == "confirm":
        return confirm(scene, shown)
    if shown is not None and session.page == "request":
        return _OF_FAMILY[shown.family](scene, shown)
    return _PAGES.get(session.page, home)(scene)


def confirm(scene: Scene, request: Request) -> Screen:
    """Really? The safe answer lies under the finger that asked."""
    words, family = scene.words, request.family
    service = scene.services[request.service]
    keys = (
        wide(scene, "cancel", words(f"kiosk.cancel-{family}"), "cross", number="4", high="h0"),
        wide(scene, "keep", words(f"kiosk.keep-{family}"), "check", number="1", high="h0",
             hue=f"is-{service.hue}"),
    )  # fmt: skip
    return screen(
        scene,
        f"confirm-{family}",
        words(f"kiosk.confirm-{family}"),
        lines=(line(scene, words(f"kiosk.confirm-{family}-what"), "x3", 3),),
        keys=keys,
        foot=foot(scene, "back"),
        **of_service(scene, service),
    )

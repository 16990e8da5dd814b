"""The screen for where somebody is."""

from collections.abc import Callable, Mapping

from kiosk.drawing import choose
from kiosk.drawing.alert import alert
from kiosk.drawing.home import home
from kiosk.drawing.scene import Scene, foot, line, of_service, screen, screens_of, wide
from kiosk.drawing.voice import voice
from kiosk.request import Request
from kiosk.screen import Screen

_PAGES: Mapping[str, Callable[[Scene], Screen]] = {
    "what": choose.what,
    "where": choose.where,
    "voice": voice,
    "phone": choose.phone,
    "check": choose.check,
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
        return screens_of(shown.family).draw(scene, shown)
    page = _PAGES.get(session.page)
    if page is None and session.service in scene.services:
        page = screens_of(scene.services[session.service].family).pages.get(session.page)
    return (page or home)(scene)


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

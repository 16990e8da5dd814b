"""The screen for where somebody is."""

from collections.abc import Callable, Mapping

from kiosk.requests.request import Request
from kiosk.screen import prompt_pages
from kiosk.screen.alert_page import draw_alert
from kiosk.screen.context import (
    RenderContext,
    build_screen,
    find_screens,
    foot_keys,
    service_board,
    text_line,
    wide_key,
)
from kiosk.screen.home_page import draw_home
from kiosk.screen.model import ScreenModel
from kiosk.screen.voice_note_page import draw_voice_note

_PAGES: Mapping[str, Callable[[RenderContext], ScreenModel]] = {
    "what": prompt_pages.draw_problems,
    "where": prompt_pages.draw_places,
    "voice": draw_voice_note,
    "phone": prompt_pages.draw_contact,
    "check": prompt_pages.draw_lookup,
    "options": prompt_pages.draw_display_options,
    "sorry": prompt_pages.draw_failure,
}


def render_screen(scene: RenderContext) -> ScreenModel:
    """What stands there now."""
    session, shown = scene.session, scene.shown
    if scene.alert is not None:
        return draw_alert(scene, scene.alert)
    if session.asked:
        return prompt_pages.draw_still_there(scene)
    if shown is not None and session.page == "confirm":
        return draw_confirmation(scene, shown)
    if shown is not None and session.page == "request":
        return find_screens(shown.family).draw(scene, shown)
    page = _PAGES.get(session.page)
    if page is None and session.service in scene.services:
        page = find_screens(scene.services[session.service].family).pages.get(session.page)
    return (page or draw_home)(scene)


def draw_confirmation(scene: RenderContext, request: Request) -> ScreenModel:
    """Really? The safe answer lies under the finger that asked."""
    words, family = scene.words, request.family
    service = scene.services[request.service]
    keys = (
        wide_key(scene, "cancel", words(f"kiosk.cancel-{family}"), "cross", number="4", high="h0"),
        wide_key(scene, "keep", words(f"kiosk.keep-{family}"), "check", number="1", high="h0",
             hue=f"is-{service.hue}"),
    )  # fmt: skip
    return build_screen(
        scene,
        f"confirm-{family}",
        words(f"kiosk.confirm-{family}"),
        lines=(text_line(scene, words(f"kiosk.confirm-{family}-what"), "x3", 3),),
        keys=keys,
        foot=foot_keys(scene, "back"),
        **service_board(scene, service),
    )

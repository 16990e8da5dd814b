"""A work order: its number, how far it is, and one of three faces when it is done."""

from kiosk.requests.request import Request
from kiosk.screen.context import (
    RenderContext,
    TypeScreens,
    build_screen,
    foot_keys,
    service_board,
    text_line,
    tile_key,
    wide_key,
)
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel, ScreenRow

STOPS = ("reported", "received", "assigned", "doing", "done")
FACES = ("good", "fair", "bad")


class WorkScreens(TypeScreens):
    """It waits for weeks and takes no page."""

    def draw(self, scene: RenderContext, request: Request) -> ScreenModel:
        """A hollow board once it is over."""
        return _work(scene, request)


def _work(scene: RenderContext, request: Request) -> ScreenModel:
    state = request.state
    return build_screen(
        scene,
        f"work-{state}",
        scene.words(f"kiosk.work-{state}"),
        shape="hollow" if request.ended else "field",
        size=scene.sheet.fit(scene.words(f"kiosk.work-{state}"), scene.sheet.column_mm, "x4"),
        lines=_lines(scene, request),
        caption=scene.said(request),
        keys=_keys(scene, request),
        foot=foot_keys(scene, "home"),
        **service_board(scene, scene.services[request.service]),
    )


def _lines(scene: RenderContext, request: Request) -> tuple[ScreenLine, ...]:
    number = ScreenLine(kind="digits", text=f"{request.number[:3]} {request.number[3:]}", size="x5")
    if request.state not in STOPS or scene.sheet.shape == "wide" or request.state == "done":
        return (number, text_line(scene, _subject(scene, request), "x2"))
    now = STOPS.index(request.state)
    shown = range(max(0, now - 1), min(len(STOPS), now + 3))  # what was, what is, what comes
    stops = tuple(
        ScreenRow("done" if place < now else "now" if place == now else "to",
            scene.words(f"kiosk.work-stop-{STOPS[place]}"))
        for place in shown
    )  # fmt: skip
    subject = text_line(scene, _subject(scene, request), "x2", 1)
    return (number, subject, ScreenLine(kind="steps", rows=stops, size="x2"))


def _subject(scene: RenderContext, request: Request) -> str:
    """What, where, and whom to call, masked."""
    language = scene.session.language
    choice = scene.services[request.service].find_option(request.what)
    what = "" if choice is None else choice.name.text(language)
    where = scene.places.spoken(request.where or request.place)
    said = _voice(scene, request)
    return " · ".join(part for part in (what, where, request.masked, said) if part)


def _voice(scene: RenderContext, request: Request) -> str:
    """Whether what they have said went along."""
    if not request.voice_s:
        return ""
    return scene.words("kiosk.voice-with" if request.voice else "kiosk.voice-lost")


def _keys(scene: RenderContext, request: Request) -> tuple[ScreenKey, ...]:
    words = scene.words
    if request.state == "done":
        return tuple(
            tile_key(scene, f"face:{face}", words(f"kiosk.face-{face}"), f"face-{face}", 2,
                 number=str(place), high="h3", hue="is-fix")
            for place, face in enumerate(FACES, 1)
        )  # fmt: skip
    if request.state in ("revisit", "closed"):
        return (wide_key(scene, "act:reopen", words("kiosk.reopen"), "repair", number="1",
                     hue="is-fix"),)  # fmt: skip
    if "cancel" in request.type.allowed_events(request.state, staff=False):
        return (wide_key(scene, "confirm", words("kiosk.cancel-work"), "cross", number="4"),)
    return ()


SCREENS = WorkScreens()

"""A call for staff: it rings, it goes further, somebody comes."""

from kiosk.request_types.call.type import CallState
from kiosk.requests.request import Request, S
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
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel


class CallScreens(TypeScreens):
    """An answer takes the page of whoever has called, and those that nobody needs."""

    def draw(self, scene: RenderContext, request: Request) -> ScreenModel:
        """The field is full while it rings and while somebody is on the way."""
        return _call(scene, request)

    def takes_page(self, request: Request, shown: Request | None, *, free: bool) -> bool:
        """Somebody is on the way."""
        called_for = shown is not None and request.linked == shown.id
        return request.state == CallState.ANSWERED and (free or called_for)

    def waiting_rank(self, request: Request) -> int:
        """Of an answered one only the question whether somebody has come."""
        return int(request.untaken or request.asked)


def _call(scene: RenderContext, request: Request) -> ScreenModel:
    words, state = scene.words, request.state
    ended = request.ended
    looks = service_board(scene, scene.services[request.service])
    if (
        danger := scene.find_option(request.what)
    ) is not None:  # what was pressed, not who carries it
        title = danger.name.text(words.lang)
        size = scene.sheet.fit(title, scene.sheet.column_mm - 115, "x4")
        looks |= {"title": title, "title_size": size, "icon": danger.pictogram}
    return build_screen(
        scene,
        "call-come" if request.asked else f"call-{state}",
        words("kiosk.call-come" if request.asked else f"kiosk.call-{state}"),
        shape="hollow" if ended else "field",
        lines=_lines(scene, request),
        caption=scene.said(request),
        keys=_keys(scene, request),
        foot=foot_keys(scene, "home"),
        **looks,
    )


def _lines(scene: RenderContext, request: Request) -> tuple[ScreenLine, ...]:
    lines = []
    shows = request.state == "alone" or (request.urgent and not request.ended)
    dial = scene.dial(request) if shows else ""
    if request.untaken and not (dial and scene.sheet.shape == "wide"):
        lines.append(ScreenLine(kind="count", start=request.rang_ns // S, size="x6"))
    if dial:
        lines.append(text_line(scene, dial, "x4", 1, kind="icon", icon="phone"))
    return tuple(lines)


def _keys(scene: RenderContext, request: Request) -> tuple[ScreenKey, ...]:
    if request.untaken:
        return (wide_key(scene, "confirm", scene.words("kiosk.cancel-call"), "cross", number="4"),)
    if request.asked:
        return (
            tile_key(scene, "act:come", scene.words("kiosk.somebody-came"), "check", 3, number="1",
                 high="h2"),
            tile_key(scene, "act:ring", scene.words("kiosk.nobody-came"), "bell", 3, number="2",
                 high="h2", hue="is-person"),
        )  # fmt: skip
    return ()


SCREENS = CallScreens()

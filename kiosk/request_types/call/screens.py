"""A call for staff: it rings, it goes further, somebody comes."""

from kiosk.drawing.scene import Scene, TypeScreens, foot, line, of_service, screen, tile, wide
from kiosk.request import Request, S
from kiosk.request_types.call.type import CallState
from kiosk.screen import Key, Line, Screen


class CallScreens(TypeScreens):
    """An answer takes the page of whoever has called, and those that nobody needs."""

    def draw(self, scene: Scene, request: Request) -> Screen:
        """The field is full while it rings and while somebody is on the way."""
        return _call(scene, request)

    def takes_page(self, request: Request, shown: Request | None, *, free: bool) -> bool:
        """Somebody is on the way."""
        called_for = shown is not None and request.linked == shown.id
        return request.state == CallState.ANSWERED and (free or called_for)

    def waiting_rank(self, request: Request) -> int:
        """Of an answered one only the question whether somebody has come."""
        return int(request.untaken or request.asked)


def _call(scene: Scene, request: Request) -> Screen:
    words, state = scene.words, request.state
    ended = request.ended
    looks = of_service(scene, scene.services[request.service])
    if (danger := scene.picture(request.what)) is not None:  # what was pressed, not who carries it
        title = danger.name.of(words.lang)
        size = scene.sheet.fit(title, scene.sheet.column_mm - 115, "x4")
        looks |= {"title": title, "title_size": size, "icon": danger.pictogram}
    return screen(
        scene,
        "call-come" if request.asked else f"call-{state}",
        words("kiosk.call-come" if request.asked else f"kiosk.call-{state}"),
        shape="hollow" if ended else "field",
        lines=_lines(scene, request),
        caption=scene.said(request),
        keys=_keys(scene, request),
        foot=foot(scene, "home"),
        **looks,
    )


def _lines(scene: Scene, request: Request) -> tuple[Line, ...]:
    lines = []
    shows = request.state == "alone" or (request.urgent and not request.ended)
    dial = scene.dial(request) if shows else ""
    if request.untaken and not (dial and scene.sheet.shape == "wide"):
        lines.append(Line(kind="count", start=request.rang_ns // S, size="x6"))
    if dial:
        lines.append(line(scene, dial, "x4", 1, kind="icon", icon="phone"))
    return tuple(lines)


def _keys(scene: Scene, request: Request) -> tuple[Key, ...]:
    if request.untaken:
        return (wide(scene, "confirm", scene.words("kiosk.cancel-call"), "cross", number="4"),)
    if request.asked:
        return (
            tile(scene, "act:come", scene.words("kiosk.somebody-came"), "check", 3, number="1",
                 high="h2"),
            tile(scene, "act:ring", scene.words("kiosk.nobody-came"), "bell", 3, number="2",
                 high="h2", hue="is-person"),
        )  # fmt: skip
    return ()


SCREENS = CallScreens()

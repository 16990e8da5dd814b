"""A call for staff: it rings, it goes further, somebody comes."""

from kiosk.drawing.scene import Scene, foot, line, of_service, screen, tile, wide
from kiosk.request import Request, S
from kiosk.screen import Key, Line, Screen

RINGS = frozenset({"ringing", "escalated", "alone"})


def call(scene: Scene, request: Request) -> Screen:
    """The field is full while it rings and while somebody is on the way."""
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
    if request.state in RINGS and not (dial and scene.sheet.shape == "wide"):
        lines.append(Line(kind="count", start=request.rang_ns // S, size="x6"))
    if dial:
        lines.append(line(scene, dial, "x4", 1, kind="icon", icon="phone"))
    return tuple(lines)


def _keys(scene: Scene, request: Request) -> tuple[Key, ...]:
    if request.state in RINGS:
        return (wide(scene, "confirm", scene.words("kiosk.cancel-call"), "cross", number="4"),)
    if request.asked:
        return (
            tile(scene, "came", scene.words("kiosk.somebody-came"), "check", 3, number="1",
                 high="h2"),
            tile(scene, "recall", scene.words("kiosk.nobody-came"), "bell", 3, number="2",
                 high="h2", hue="is-person"),
        )  # fmt: skip
    return ()

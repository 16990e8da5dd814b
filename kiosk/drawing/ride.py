"""A ride: what is read of it, and what can be pressed, in each of its states."""

from kiosk.attention import COMES
from kiosk.drawing.scene import Scene, foot, line, of_service, screen, spaced, tile, wide
from kiosk.people import last
from kiosk.request import Request, S
from kiosk.screen import Key, Line, Row, Screen

WAITS = frozenset({"asking", "searching", "again", "checking"})
NONE = frozenset({"no-car", "away", "expired", "unknown", "late", "cancelled"})


def ride(scene: Scene, request: Request) -> Screen:
    """A full field while it is under way, a hollow board where no car comes."""
    state = request.state
    hollow = state in NONE
    return screen(
        scene,
        f"ride-{state}",
        scene.words(_head(request)),
        shape="hollow" if hollow else "field",
        mark="s-bad" if hollow and state != "cancelled" else "",
        size=_size(scene, request),
        lines=_lines(scene, request),
        caption=scene.said(request),
        keys=_keys(scene, request),
        foot=foot(scene, "home"),
        **of_service(scene, scene.services[request.service]),
    )


def _head(request: Request) -> str:
    return "kiosk.ride-at-desk" if request.at_desk else f"kiosk.ride-{request.state}"


def _size(scene: Scene, request: Request) -> str:
    words, state = scene.words(_head(request)), request.state
    if state in COMES:
        return scene.sheet.fit(words, scene.sheet.column_mm, "x3")
    most = "x5" if scene.sheet.shape == "tall" else "x4"
    mark_mm = 38 if state in NONE else 0
    return scene.sheet.fit(words, scene.sheet.column_mm - mark_mm, most)


def _lines(scene: Scene, request: Request) -> tuple[Line, ...]:
    if request.state in COMES:
        return _car(scene, request)
    if request.state in WAITS:
        return _waiting(scene, request)
    helper = _helper(scene, request)
    if helper is None or request.state in ("boarded", "cancelled"):
        return ()
    dial = scene.dial(request)
    phone = line(scene, dial, "x4", 1, kind="icon", icon="phone")
    return (helper, phone) if dial and scene.sheet.shape == "tall" else (helper,)


def _waiting(scene: Scene, request: Request) -> tuple[Line, ...]:
    known = scene.words("kiosk.ride-whom", last=last(request.masked))
    count = Line(
        kind="count",
        start=request.opened_ns // S,
        size="x6",
        note=known if request.masked else scene.words("kiosk.ride-usual"),
    )
    if scene.sheet.shape == "wide" or scene.session.large:
        return (count,)
    taken = request.state == "searching"
    begun = ("step-sent", "step-taken") if taken else ("step-pressed", "step-asking")
    codes = (f"kiosk.{word}" for word in (*begun, "step-driver", "step-comes"))
    classes = ("done", "done" if taken else "now", "now" if taken else "to", "to")
    stops = tuple(Row(kind, scene.words(code)) for kind, code in zip(classes, codes, strict=True))
    return (count, Line(kind="steps", rows=stops, size="x2"))


def _car(scene: Scene, request: Request) -> tuple[Line, ...]:
    """The plate large enough for who stands two metres away, and the minutes."""
    car = None if request.ride is None else request.ride.car
    if car is None:
        return ()
    lines = [Line(kind="car", text=spaced(car.plate))]
    looks = " · ".join(part for part in (car.colour, car.brand) if part)
    tall = scene.sheet.shape == "tall"
    if looks and tall:  # lying, the caption alone has room for it
        lines.append(line(scene, looks, "x3", 1))
    helper = _helper(scene, request)
    if request.state == "assigned" and car.minutes is not None:
        text = scene.words("kiosk.minutes", minutes=car.minutes)
        alone = "x6" if tall else "x5"
        beside = "x4" if scene.session.large else "x5"  # of who comes as well there is a line, too
        lines.append(line(scene, text, alone if helper is None else beside, 1))
    if tall and helper is not None:
        lines.append(helper)
    return tuple(lines)


def _helper(scene: Scene, request: Request) -> Line | None:
    """Who was called: because no car comes, or by the person beside it."""
    calls = [one for one in scene.requests if one.family == "call"]
    own = next((one for one in calls if one.linked == request.id), None)
    call = own or next((one for one in calls if not one.ended), None)
    if call is None:
        return None
    code = "kiosk.helper-comes" if call.state == "answered" else "kiosk.helper-called"
    return line(scene, scene.words(code), "x3", 1, kind="icon", icon="person")


def _keys(scene: Scene, request: Request) -> tuple[Key, ...]:
    words, state = scene.words, request.state
    if state in WAITS | COMES:
        # never where the key lay that called the car, and asked about once more
        cancel = words("kiosk.cancel-ride")
        if state == "arrived":  # nobody who is in the car presses it: whoever comes next would
            got_in = tile(scene, "leave", words("kiosk.got-in"), "check", 3, number="1", high="h2",
                          hue="is-ride")  # fmt: skip
            return (got_in, tile(scene, "confirm", cancel, "cross", 3, number="4", high="h2"))
        if request.masked:
            return (wide(scene, "confirm", cancel, "cross", number="4"),)
        whom = tile(scene, f"whom:{request.service}", words("kiosk.ride-whom-key"), "user", 3,
                    number="2", high="h2")  # fmt: skip
        return (whom, tile(scene, "confirm", cancel, "cross", 3, number="4", high="h2"))
    if state in NONE and scene.can_ride:
        note = words("kiosk.ride-once-more-note")
        word = words("kiosk.ride-once-more")
        return (wide(scene, f"open:{request.service}", word, "car", number="1", hue="is-ride",
                     high="h1", note=note),)  # fmt: skip
    return ()

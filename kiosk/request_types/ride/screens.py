"""A ride: what is read of it, and what can be pressed, in each of its states."""

from kiosk.request_types.ride.type import TYPE
from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.contacts import mask_ending
from kiosk.requests.request import Request, S
from kiosk.requests.request_type import TypeFlag
from kiosk.screen.attention import find_helper
from kiosk.screen.context import (
    RenderContext,
    TypeScreens,
    build_screen,
    disabled_key,
    foot_keys,
    service_board,
    text_line,
    tile_key,
    wide_key,
)
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel, ScreenRow

WAITS = frozenset({"asking", "searching", "again", "checking"})
NONE = frozenset({"no-car", "away", "expired", "unknown", "late", "cancelled"})

# The plate is known, and must be seen.
COMES = frozenset({"assigned", "arrived"})

# So many cars can be told from each other at once.
RIDES_MAX = 3


class RideScreens(TypeScreens):
    """A car that comes is seen on every page, and takes those that nobody needs."""

    contact_page = "phone-ride"
    contact_digits = 4

    def draw(self, scene: RenderContext, request: Request) -> ScreenModel:
        """A full field while it is under way, a hollow board where no car comes."""
        return _ride(scene, request)

    def plate(self, scene: RenderContext, service: KioskService) -> ScreenKey:
        """The first plate of all."""
        return _plate(scene, service)

    def waiting_rows(self, scene: RenderContext) -> list[ScreenRow]:
        """The cars that somebody waits for, and who comes in place of one that was not found."""
        return _waiting_rows(scene)

    def beside(self, scene: RenderContext, about: str) -> ScreenRow | None:
        """The car that has come, or comes."""
        cars = (one for one in _rides(scene) if one.id != about and coming_plate(one))
        car = next(cars, None)
        return (
            None
            if car is None
            else ScreenRow(scene.words(f"kiosk.car-{car.state}"), coming_plate(car))
        )

    def takes_page(self, request: Request, shown: Request | None, *, free: bool) -> bool:
        """Somebody who has called a person meanwhile sees the car that comes."""
        calls = shown is not None and shown.type.has_flag(TypeFlag.CALLS_STAFF)
        return free or (request.state in COMES and calls)

    def waiting_rank(self, request: Request) -> int:
        """A car that has come is before all."""
        return 2 if request.state == "arrived" else 1


def _rides(scene: RenderContext) -> list[Request]:
    """Those that somebody waits for; what has come before all, then what comes."""
    live = [one for one in scene.requests if one.family == TYPE.name and not one.ended]
    return sorted(live, key=lambda one: ("arrived", "assigned", one.state).index(one.state))


def space_plate(plate: str) -> str:
    """A plate as it is painted: 京B T3642."""
    return f"{plate[:2]} {plate[2:]}"


def coming_plate(request: Request) -> str:
    """The plate of the car that comes, as it is painted; "" while nobody has named one."""
    car = None if request.ride is None else request.ride.car
    return "" if car is None or request.state not in COMES else space_plate(car.plate)


def _waiting_rows(scene: RenderContext) -> list[ScreenRow]:
    words = scene.words
    rows = [
        ScreenRow(
            "", coming_plate(one) or words("kiosk.a-car"), words(f"kiosk.car-{_stage(one)}"), "car"
        )
        for one in _rides(scene)
    ]
    for one in scene.requests:
        if one.ended and (call := find_helper(one, scene.requests, scene.now)) is not None:
            code = "kiosk.comes-short" if call.in_hand else "kiosk.called-short"
            rows.append(ScreenRow("", words("kiosk.no-car-lately"), words(code), "person"))
    return rows


def _stage(ride: Request) -> str:
    return ride.state if ride.state in COMES else "looked-for"


def _plate(scene: RenderContext, service: KioskService) -> ScreenKey:
    words, language = scene.words, scene.session.language
    common = {"number": str(service.key), "hue": f"is-{service.hue}", "high": "h1"}
    word = service.name.text(language)
    if scene.newest_open(TYPE.name) is not None:  # theirs, or somebody else's: it is asked
        note = words("kiosk.your-car-note")
        return wide_key(scene, f"whose:{service.id}", word, service.pictogram, note=note, **common)
    if not scene.possible(service.id):
        key = wide_key(scene, "cut", words("kiosk.no-ride-now"), "cloud-off", most="x3", **common)
        return disabled_key(key, because=words("kiosk.no-ride-why"))
    return wide_key(
        scene,
        f"open:{service.id}",
        word,
        service.pictogram,
        note=words("kiosk.ride-note"),
        **common,
    )


def draw_whose_car(scene: RenderContext) -> ScreenModel:
    """Whether they are who waits for that car; the safe answer comes first."""
    words, service = scene.words, scene.services[scene.session.service]
    rides = _rides(scene)[:RIDES_MAX]
    hue = f"is-{service.hue}"
    keys = [
        tile_key(scene, f"show:{one.id}", coming_plate(one) or words("kiosk.a-car"), "car", 6 //
        len(rides),
             number=str(place), high="h2", hue=hue)
        for place, one in enumerate(rides, 1)
    ]  # fmt: skip
    if len(rides) == 1:
        mine = words("kiosk.whose-mine")
        keys = [wide_key(scene, keys[0].press, mine, "check", number="1", high="h0", hue=hue)]
    press, word, icon = f"another:{service.id}", words("kiosk.whose-not"), service.pictogram
    staff = scene.services.get(CALL_SERVICE)
    if staff is not None and len(_rides(scene)) >= TYPE.kiosk_max:
        press, word, icon = f"open:{CALL_SERVICE}", words("kiosk.whose-full"), staff.pictogram
    other = wide_key(scene, press, word, icon, number=str(len(rides) + 1), high="h0")
    told = " · ".join(plate for plate in map(coming_plate, rides) if plate)
    lines = (text_line(scene, told, "x4", 1, kind="icon", icon="car"),) if told else ()
    head = words("kiosk.whose-head")
    return build_screen(
        scene,
        "whose",
        head,
        size=scene.sheet.fit(head, scene.sheet.column_mm, "x4", 2),
        lines=lines,
        keys=(*keys, other),
        foot=foot_keys(scene, "back"),
        **service_board(scene, service),
    )


def _ride(scene: RenderContext, request: Request) -> ScreenModel:
    state = request.state
    hollow = state in NONE
    return build_screen(
        scene,
        f"ride-{state}",
        scene.words(_head(request)),
        shape="hollow" if hollow else "field",
        mark="s-bad" if hollow and state != "cancelled" else "",
        size=_size(scene, request),
        lines=_lines(scene, request),
        caption=scene.said(request),
        keys=_keys(scene, request),
        foot=foot_keys(scene, "home"),
        **service_board(scene, scene.services[request.service]),
    )


def _head(request: Request) -> str:
    return "kiosk.ride-at-desk" if request.at_desk else f"kiosk.ride-{request.state}"


def _size(scene: RenderContext, request: Request) -> str:
    words, state = scene.words(_head(request)), request.state
    if state in COMES:
        return scene.sheet.fit(words, scene.sheet.column_mm, "x3")
    most = "x5" if scene.sheet.shape == "tall" else "x4"
    mark_mm = 38 if state in NONE else 0
    return scene.sheet.fit(words, scene.sheet.column_mm - mark_mm, most)


def _lines(scene: RenderContext, request: Request) -> tuple[ScreenLine, ...]:
    if request.state in COMES:
        return _car(scene, request)
    if request.state in WAITS:
        return _waiting(scene, request)
    helper = _helper(scene, request)
    if helper is None or request.state in ("boarded", "cancelled"):
        return ()
    dial = scene.dial(request)
    phone = text_line(scene, dial, "x4", 1, kind="icon", icon="phone")
    return (helper, phone) if dial and scene.sheet.shape == "tall" else (helper,)


def _waiting(scene: RenderContext, request: Request) -> tuple[ScreenLine, ...]:
    known = scene.words("kiosk.ride-whom", last=mask_ending(request.masked))
    count = ScreenLine(
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
    stops = tuple(
        ScreenRow(kind, scene.words(code)) for kind, code in zip(classes, codes, strict=True)
    )
    return (count, ScreenLine(kind="steps", rows=stops, size="x2"))


def _car(scene: RenderContext, request: Request) -> tuple[ScreenLine, ...]:
    """The plate large enough for who stands two metres away, and the minutes."""
    car = None if request.ride is None else request.ride.car
    if car is None:
        return ()
    lines = [ScreenLine(kind="car", text=space_plate(car.plate))]
    looks = " · ".join(part for part in (car.colour, car.brand) if part)
    tall = scene.sheet.shape == "tall"
    if looks and tall:  # lying, the caption alone has room for it
        lines.append(text_line(scene, looks, "x3", 1))
    helper = _helper(scene, request)
    if request.state == "assigned" and car.minutes is not None:
        text = scene.words("kiosk.minutes", minutes=car.minutes)
        alone = "x6" if tall else "x5"
        beside = "x4" if scene.session.large else "x5"  # of who comes as well there is a line, too
        lines.append(text_line(scene, text, alone if helper is None else beside, 1))
    if tall and helper is not None:
        lines.append(helper)
    return tuple(lines)


def _helper(scene: RenderContext, request: Request) -> ScreenLine | None:
    """Who was called: because no car comes, or by the person beside it."""
    calls = [one for one in scene.requests if one.type.has_flag(TypeFlag.CALLS_STAFF)]
    own = next((one for one in calls if one.linked == request.id), None)
    call = own or next((one for one in calls if not one.ended), None)
    if call is None:
        return None
    code = "kiosk.helper-comes" if call.in_hand else "kiosk.helper-called"
    return text_line(scene, scene.words(code), "x3", 1, kind="icon", icon="person")


def _keys(scene: RenderContext, request: Request) -> tuple[ScreenKey, ...]:
    words, state = scene.words, request.state
    if state in WAITS | COMES:
        # never where the key lay that called the car, and asked about once more
        cancel = words("kiosk.cancel-ride")
        if state == "arrived":  # nobody who is in the car presses it: whoever comes next would
            got_in = tile_key(scene, "act:leave", words("kiosk.got-in"), "check", 3, number="1",
                          high="h2", hue="is-ride")  # fmt: skip
            return (got_in, tile_key(scene, "confirm", cancel, "cross", 3, number="4", high="h2"))
        if request.masked:
            return (wide_key(scene, "confirm", cancel, "cross", number="4"),)
        whom = tile_key(scene, f"whom:{request.service}", words("kiosk.ride-whom-key"), "user", 3,
                    number="2", high="h2")  # fmt: skip
        return (whom, tile_key(scene, "confirm", cancel, "cross", 3, number="4", high="h2"))
    if state in NONE and scene.possible(request.service):
        note = words("kiosk.ride-once-more-note")
        word = words("kiosk.ride-once-more")
        return (wide_key(scene, f"open:{request.service}", word, "car", number="1", hue="is-ride",
                     high="h1", note=note),)  # fmt: skip
    return ()


RideScreens.pages = {"whose": draw_whose_car}
SCREENS = RideScreens()

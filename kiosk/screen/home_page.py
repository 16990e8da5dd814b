"""The first screen: what there is to ask for, what is next, and what does not work now."""

from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.contacts import mask_contact, mask_ending
from kiosk.requests.options import WeeklyNotice
from kiosk.requests.request import Contact
from kiosk.screen.context import (
    RenderContext,
    build_screen,
    find_screens,
    foot_keys,
    text_line,
    tile_key,
    wide_key,
)
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel, ScreenRow

ROWS_MAX = 3


def draw_home(scene: RenderContext) -> ScreenModel:
    """By day, by night; with the platform away it says so before anybody presses."""
    away = bool(scene.away)
    carded = scene.session.card and not away
    name = ("home-away" if _can_all(scene) else "home-cut") if away else "home"
    if carded:
        name = "home-card"
    sheet = scene.sheet
    return build_screen(
        scene,
        name,
        scene.name,
        shape="board",
        size=sheet.fit(scene.name, sheet.column_mm - 130, "x4", 2),
        clock=scene.clock,
        date=scene.date,
        lines=_away(scene) if away else _card(scene) if carded else _today(scene),
        keys=_keys(scene),
        foot=foot_keys(scene, "options"),
    )


def _next(scene: RenderContext) -> list[WeeklyNotice]:
    """Nothing while nobody knows what time it is."""
    return scene.kiosk.upcoming_notices(scene.clock, scene.weekday) if scene.weekday >= 0 else []


def _today(scene: RenderContext) -> tuple[ScreenLine, ...]:
    """Who waits, then what is next."""
    rows = tuple(ScreenRow(one.at, one.what, one.where) for one in _next(scene))
    rows = (*_waiting(scene), *rows)[: ROWS_MAX - scene.session.large]
    if not rows:
        return (text_line(scene, scene.words("kiosk.none-today"), "x3"),)
    size = scene.sheet.fit(max((row.text for row in rows), key=len), scene.sheet.column_mm - 110)
    return (ScreenLine(kind="rows", rows=rows, size="x3" if size > "x2" else size),)


def _can_all(scene: RenderContext) -> bool:
    """Whether what is away by the network is possible all the same: by the desk."""
    return all(map(scene.possible, scene.away))


def _waiting(scene: RenderContext) -> tuple[ScreenRow, ...]:
    """Who waits for what."""
    rows = [row for screens in scene.type_screens for row in screens.waiting_rows(scene)]
    return tuple(rows[:ROWS_MAX])


def _card(scene: RenderContext) -> tuple[ScreenLine, ...]:
    """Whose card it is that was read, as far as a screen may say."""
    shown = scene.words(
        "kiosk.card", last=mask_ending(mask_contact(Contact(card=scene.session.card)))
    )
    card = text_line(scene, shown, "x4", 1, kind="icon", icon="user")
    waits = _waiting(scene)[:1]
    return (card, ScreenLine(kind="rows", rows=waits, size="x2")) if waits else (card,)


def _away(scene: RenderContext) -> tuple[ScreenLine, ...]:
    """What does not work, and what does."""
    words, station = scene.words, scene.phones.get("", "")
    dial = next((scene.phones[one] for one in scene.away if one in scene.phones), station)
    rows = [ScreenRow("", words("kiosk.away-works"), icon="s-ok")]
    if _can_all(scene):
        rows.append(ScreenRow("", words("kiosk.away-desk-calls"), icon="person"))
    elif dial:
        rows.append(ScreenRow("", words("kiosk.away-dial", phone=dial), icon="phone"))
    most = "x3" if scene.session.large else "x4"
    waits = _waiting(scene)
    if waits:  # a car that is on its way matters more than what works
        rows = [*waits[:1], *rows[1:]]
    return (
        text_line(scene, words("kiosk.away-head"), most, 1, kind="icon", icon="cloud-off"),
        ScreenLine(kind="rows", rows=tuple(rows), size="x2" if most == "x4" else "x1"),
    )


def _keys(scene: RenderContext) -> tuple[ScreenKey, ...]:
    services = [scene.services[one] for one in scene.kiosk.services if one in scene.services]
    plates = [(one, find_screens(one.family).plate(scene, one)) for one in services]
    others = sorted(
        (one for one, plate in plates if plate is None and one.id != CALL_SERVICE),
        key=lambda one: one.key,
    )[:3]
    own = [plate for _, plate in plates if plate is not None]
    return (*own, *(_other(scene, one, len(others)) for one in others))


def _other(scene: RenderContext, service: KioskService, count: int) -> ScreenKey:
    word = service.name.text(scene.session.language)
    common = {"number": str(service.key), "hue": f"is-{service.hue}", "high": "h2"}
    press = f"begin:{service.id}" if service.what else f"open:{service.id}"
    if count == 1:
        return wide_key(scene, press, word, service.pictogram, **common)
    return tile_key(scene, press, word, service.pictogram, 6 // count, **common)

"""What is asked of the person: a picture, a place, digits, how the screen should be."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from kiosk.requests.catalogue import CALL_SERVICE, KioskService, ServiceOption
from kiosk.screen.context import (
    RenderContext,
    TypeScreens,
    build_screen,
    disabled_key,
    find_screens,
    foot_keys,
    service_board,
    text_line,
    tile_key,
    wide_key,
)
from kiosk.screen.model import ScreenKey, ScreenLine, ScreenModel
from kiosk.screen.session import NUMBER_DIGITS, group_digits, is_contact

ON_PAGE = 6
Item = TypeVar("Item")


def draw_problems(scene: RenderContext) -> ScreenModel:
    """One picture; what means danger first. The last plate finds an order by its number."""
    service = scene.services[scene.session.service]
    pictures = sorted(service.what, key=lambda one: not one.person)
    check = tile_key(scene, "check", scene.words("kiosk.by-number"), "search", 2, high="h3")
    keys = _handful(scene, pictures, lambda one: _picture(scene, service, one), check)
    return build_screen(
        scene,
        "what",
        scene.words("kiosk.what-head"),
        keys=keys,
        foot=foot_keys(scene, "home"),
        **service_board(scene, service),
    )


def _picture(scene: RenderContext, service: KioskService, one: ServiceOption) -> ScreenKey:
    language = scene.session.language
    note = "" if one.note is None else one.note.text(language)
    hue = "is-person" if one.person else f"is-{service.hue}"
    press = f"{'danger' if one.person else 'what'}:{one.id}"
    return tile_key(
        scene,
        press,
        one.name.text(language),
        one.pictogram,
        2,
        hue=hue,
        high="h3",
        note=note,
    )


def draw_places(scene: RenderContext) -> ScreenModel:
    """One place: here, or one of those around."""
    service = scene.services[scene.session.service]
    here = scene.kiosk.place or ""
    around = [one for one in scene.places if one.id and one.code is None and one.id != here]
    outer = [one for one in around if _is_outer(scene, one.parent)]
    names = [(here, scene.words("kiosk.here")), *((one.id, one.name) for one in outer)]
    hue = f"is-{service.hue}"

    def key(named: tuple[str, str]) -> ScreenKey:
        icon = "home" if named[0] == here else "zone"
        return tile_key(scene, f"where:{named[0]}", named[1], icon, 2, hue=hue, high="h3")

    return build_screen(
        scene,
        "where",
        scene.words("kiosk.where-head"),
        keys=_handful(scene, names, key, None),
        foot=foot_keys(scene, "back"),
        **service_board(scene, service),
    )


def _is_outer(scene: RenderContext, parent: str | None) -> bool:
    """Whether what lies in that place is a building, not a part of one."""
    return parent is None or parent == "" or scene.places.get(parent).code is not None


def _handful(
    scene: RenderContext,
    items: Sequence[Item],
    key: Callable[[Item], ScreenKey],
    last: ScreenKey | None,
) -> tuple[ScreenKey, ...]:
    """As many as one screen holds, numbered; the rest behind a plate that says so."""
    room = ON_PAGE - (last is not None)
    more = len(items) > room
    room -= more
    part = scene.session.part % max(1, -(-len(items) // room))
    keys = [key(item) for item in items[part * room : (part + 1) * room]]
    if more:
        over = (part + 1) * room >= len(items)
        word, icon = ("kiosk.first-page", "back") if over else ("kiosk.next-page", "right")
        keys.append(tile_key(scene, "more", scene.words(word), icon, 2, high="h3"))
    if last is not None:
        keys.append(last)
    return _numbered(keys)


def _numbered(keys: Sequence[ScreenKey]) -> tuple[ScreenKey, ...]:
    """One to eight in their order; what means danger from nine down, far from the way in."""
    harmless, grave = iter(range(1, ON_PAGE + 1)), iter(range(9, ON_PAGE, -1))
    return tuple(
        msgspec.structs.replace(one, number=str(next(grave if _is_grave(one) else harmless)))
        for one in keys
    )


def _is_grave(key: ScreenKey) -> bool:
    return key.press.startswith("danger:")


def draw_contact(scene: RenderContext) -> ScreenModel:
    """A number, or none. Where there is no microphone, that is said, too."""
    words, digits = scene.words, scene.session.digits
    service = scene.services[scene.session.service]
    screens, good = find_screens(service.family), is_contact(digits)
    name = screens.contact_page
    usual = name == TypeScreens.contact_page
    none = "kiosk.phone-none-mute" if usual and not scene.session.hears else f"kiosk.{name}-none"
    hint = words(none if not digits else _hint(digits), left=11 - len(digits))
    head = words(f"kiosk.{name}-head")
    word = words("kiosk.no-number" if not digits else "kiosk.done")
    done = _key(scene, "done", word, "is-ride" if good else "quiet")
    if digits and not good:
        done = disabled_key(done, because="")
    return build_screen(
        scene,
        name,
        head,
        size=scene.sheet.fit(head, scene.sheet.column_mm, "x4", 2),
        lines=(
            _digits(scene, digits, screens.contact_digits),
            text_line(scene, hint, "x1" if scene.session.large else "x2"),
        ),
        keys=_pad(scene, done),
        pad=True,
        foot=foot_keys(scene, "back"),
        **service_board(scene, service),
    )


def _hint(digits: str) -> str:
    if is_contact(digits):
        return "kiosk.phone-ready"
    return "kiosk.phone-left" if digits[:1] == "1" else "kiosk.phone-more"


def draw_lookup(scene: RenderContext) -> ScreenModel:
    """The six digits of an order."""
    words, digits = scene.words, scene.session.digits
    service = scene.services[scene.session.service]
    full = len(digits) == NUMBER_DIGITS
    find = _key(scene, "find", words("kiosk.find"), "is-ride" if full else "quiet")
    missing = scene.session.trouble == "requests.unknown"
    return build_screen(
        scene,
        "check-none" if missing else "check",
        words("kiosk.check-none" if missing else "kiosk.check-head"),
        size="x4",
        lines=(_digits(scene, digits, NUMBER_DIGITS),),
        keys=_pad(scene, find if full else disabled_key(find, because="")),
        pad=True,
        foot=foot_keys(scene, "back"),
        **service_board(scene, service),
    )


def _digits(scene: RenderContext, digits: str, full: int) -> ScreenLine:
    shown = group_digits(digits) + "_" * max(0, min(full - len(digits), full))
    return ScreenLine(kind="digits", text=shown, size=scene.sheet.fit(shown, scene.sheet.column_mm))


def _pad(scene: RenderContext, done: ScreenKey) -> tuple[ScreenKey, ...]:
    digit = [
        ScreenKey(press=f"digit:{n}", word=str(n), hue="is-ink", number=str(n)) for n in range(10)
    ]
    erase = _key(scene, "erase", scene.words("kiosk.erase"), "quiet")
    return (*digit[1:], done, digit[0], erase)


def _key(scene: RenderContext, press: str, word: str, hue: str) -> ScreenKey:
    return ScreenKey(press=press, word=word, hue=hue, size=scene.sheet.fit(word, 62, "x3"))


def draw_display_options(scene: RenderContext) -> ScreenModel:
    """Another language, larger type, more contrast."""
    words, session = scene.words, scene.session
    other, tongue = ("en", "English") if session.language == "zh" else ("zh", "中文")
    larger = "kiosk.usual-type" if session.large else "kiosk.larger-type"
    contrast = "kiosk.usual-contrast" if session.contrast else "kiosk.more-contrast"
    keys = (
        wide_key(scene, f"language:{other}", tongue, "language", number="1", high="h0"),
        tile_key(scene, "large", words(larger), "textsize", 3, number="2", high="h2"),
        tile_key(scene, "contrast", words(contrast), "contrast", 3, number="3", high="h2"),
    )
    return build_screen(scene, "options", words("kiosk.options-head"), shape="board",
    title=scene.name,
                  title_size="x3", icon="language", keys=keys)  # fmt: skip


def draw_still_there(scene: RenderContext) -> ScreenModel:
    """Whether anybody is there."""
    words = scene.words
    keys = (
        wide_key(scene, "home", words("kiosk.finished"), "home", number="2", high="h0"),
        wide_key(scene, "stay", words("kiosk.still-here"), "check", number="1", high="h0",
             hue="is-ride"),
    )  # fmt: skip
    return build_screen(scene, "still", words("kiosk.still-head"), shape="board", title=scene.name,
                  title_size="x3", icon="clockq", keys=keys)  # fmt: skip


def draw_failure(scene: RenderContext) -> ScreenModel:
    """It could not be done: why, and who can help."""
    words, code = scene.words, scene.session.trouble
    why = words(code)
    if why == code:  # its text wants data, and is for others
        why = words("kiosk.sorry-why")
    return build_screen(scene, "sorry", words("kiosk.sorry-head"), shape="hollow", hue="is-person",
                  mark="s-bad", title=words("kiosk.sorry-title"), icon="warning",
                  lines=(text_line(scene, why, "x3", 4),), **_rest(scene))  # fmt: skip


def _rest(scene: RenderContext) -> dict[str, Any]:
    """A person is one press away, also above the foot."""
    staff = scene.services.get(CALL_SERVICE)
    if staff is None or CALL_SERVICE not in scene.kiosk.services:
        return {}
    return {"foot": foot_keys(scene, "home")}

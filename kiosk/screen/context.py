"""What a builder may look at, and the parts that screens share."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from gateway.places import Places
from gateway.web.i18n import Translator
from kiosk.requests.catalogue import CALL_SERVICE, KioskService, ServiceOption
from kiosk.requests.options import KioskOptions
from kiosk.requests.request import Request
from kiosk.requests.request_type import TYPES, TypeFlag
from kiosk.screen.alerts import ScreenAlert
from kiosk.screen.model import PanelLayout, ScreenKey, ScreenLine, ScreenModel, ScreenRow
from kiosk.screen.session import KioskSession


class RenderContext(NamedTuple):
    """Everything that is true now, for one kiosk. `requests` are its own, the newest first.

    `away` are its services that need somebody outside whom nobody can reach, `possible(service)`
    says whether a press could lead anywhere. `phones` are numbers to dial by service or picture,
    the station's as "".
    """

    session: KioskSession
    words: Translator
    sheet: PanelLayout
    kiosk: KioskOptions
    services: Mapping[str, KioskService]
    places: Places
    requests: tuple[Request, ...]
    said: Callable[[Request], str]
    dial: Callable[[Request], str]
    away: tuple[str, ...]
    possible: Callable[[str], bool]
    phones: Mapping[str, str]
    name: str
    clock: str
    date: str
    weekday: int
    now: int
    night: bool
    alert: ScreenAlert | None = None

    @property
    def shown(self) -> Request | None:
        """The request that the session shows."""
        wanted = self.session.request
        return next((one for one in self.requests if one.id == wanted), None)

    def find_option(self, what: str) -> ServiceOption | None:
        """What was pressed, whatever service carries it out."""
        found = (service.find_option(what) for service in self.services.values())
        return next((one for one in found if one is not None), None)

    def newest_open(self, family: str) -> Request | None:
        """The newest request of that family that has not ended."""
        return next((one for one in self.requests if one.family == family and not one.ended), None)

    @property
    def open_call(self) -> Request | None:
        """The newest open call for a person."""
        calls = (one for one in self.requests if one.type.has_flag(TypeFlag.CALLS_STAFF))
        return next((one for one in calls if not one.ended), None)

    @property
    def type_screens(self) -> "list[TypeScreens]":
        """The screens of the types of its requests, in the order of the types."""
        families = {one.family for one in self.requests}
        return [find_screens(name) for name in sorted(families, key=lambda one: TYPES[one].order)]


class TypeScreens:
    """What a kiosk shows of the requests of one type: the `SCREENS` of its `screens.py`.

    `pages` are pages of its own by their names, beside those that every kiosk has. `contact_page`
    asks the person for a number, of which `contact_digits` are shown as blanks.
    """

    pages: ClassVar[Mapping[str, Callable[[RenderContext], ScreenModel]]] = {}
    contact_page = "phone"
    contact_digits = 11

    def draw(self, scene: RenderContext, request: Request) -> ScreenModel:
        """The page of a request in each of its states."""
        raise NotImplementedError

    def plate(self, scene: RenderContext, service: KioskService) -> ScreenKey | None:
        """A plate of its own on the first screen, above the others; None for a usual one."""
        del scene, service
        return None

    def waiting_rows(self, scene: RenderContext) -> list[ScreenRow]:
        """Who waits for what, for the first screen."""
        del scene
        return []

    def beside(self, scene: RenderContext, about: str) -> ScreenRow | None:
        """What every other page shows in its head; `about` is the request that is shown."""
        del scene, about
        return None

    def takes_page(self, request: Request, shown: Request | None, *, free: bool) -> bool:
        """Whether a turn of that open request takes the screen from `shown`.

        `free`: nobody loses anything by it.
        """
        del request, shown, free
        return False

    def waiting_rank(self, request: Request) -> int:
        """Whether somebody stands there waiting for it; the greatest is shown first."""
        return int(request.type.has_flag(TypeFlag.AWAITED))


def find_screens(type_: str) -> TypeScreens:
    """The screens of that type."""
    part = TYPES.load_part(type_, "screens")
    assert part is not None, type_
    found: TypeScreens = part.SCREENS
    return found


def find_beside(scene: RenderContext) -> ScreenRow | None:
    """What has come, or comes, and is not what this screen is about."""
    if scene.session.page in ("home", "whose"):
        return None
    page = scene.session.page in ("request", "confirm")
    about = scene.session.request if page and not scene.session.asked else ""
    rows = (each.beside(scene, about) for each in scene.type_screens)
    return next(filter(None, rows), None)


def build_screen(scene: RenderContext, name: str, head: str, **fields: Any) -> ScreenModel:
    """A screen with everything that every screen has; the caption is the head's own, if none."""
    session, sheet = scene.session, scene.sheet
    caption = fields.pop("caption", scene.words(f"kiosk.say-{name}"))
    return ScreenModel(
        name=name,
        head=head,
        size=fields.pop("size", sheet.fit(head, sheet.column_mm, _head_most(sheet), 2)),
        caption=caption,
        caption_size=sheet.fit(caption, sheet.column_mm - 24, *_caption_most(sheet, fields)),
        foot=fields.pop("foot", foot_keys(scene, "home")),
        beside=find_beside(scene),
        language=session.language,
        night=scene.night,
        large=session.large,
        contrast=session.contrast,
        **fields,
    )


def _head_most(sheet: PanelLayout) -> str:
    return "x5" if sheet.shape == "tall" else "x4"


def _caption_most(sheet: PanelLayout, fields: Mapping[str, Any]) -> tuple[str, int]:
    """Large, and on more lines, where little else stands on the board."""
    if sheet.shape == "wide" and sheet.large:
        return "x1", 3
    facts = fields.get("lines", ())
    full = len(facts) > (not sheet.large) or len(fields.get("keys", ())) > 3  # noqa: PLR2004  # two rows
    lines = 2 if sheet.large and any(one.kind == "car" for one in facts) else 3
    return "x2" if full or sheet.shape == "wide" or fields.get("clock") else "x3", lines


def service_board(scene: RenderContext, service: KioskService) -> dict[str, Any]:
    """A board in the colour of a service, with its plate."""
    title = service.name.text(scene.session.language)
    return {
        "hue": f"is-{service.hue}",
        "number": str(service.key),
        "title": title,
        "title_size": scene.sheet.fit(title, scene.sheet.column_mm - 115, "x4"),
        "icon": service.pictogram,
    }


def foot_keys(scene: RenderContext, second: str) -> tuple[ScreenKey, ...]:
    """The three keys at the bottom: once more, one that changes, and a person."""
    words = scene.words
    seconds = {
        "home": ("home", "home", "kiosk.go-home"),
        "back": ("back", "back", "kiosk.go-back"),
        "options": ("options", "language", "kiosk.options"),
    }
    press, icon, code = seconds[second]
    again = ScreenKey(press="again", word=words("kiosk.again"), icon="replay", number="", size="x1")
    keys = [again, ScreenKey(press=press, word=words(code), icon=icon, size="x1")]
    staff = scene.services.get(CALL_SERVICE)
    if staff is not None and CALL_SERVICE in scene.kiosk.services:
        word = staff.name.text(scene.session.language)
        room_mm = scene.sheet.column_mm - 2 * 52 - 20 - 6
        keys.append(
            ScreenKey(
                press=f"open:{CALL_SERVICE}",
                word=word,
                icon=staff.pictogram,
                hue="is-person",
                number=str(staff.key),
                size=scene.sheet.fit(word, room_mm, "x3"),
            )
        )
    return tuple(keys)


def wide_key(scene: RenderContext, press: str, word: str, icon: str, **fields: Any) -> ScreenKey:
    """A key over the whole width. The note stays away where it would not fit."""
    sheet = scene.sheet
    high, note = fields.pop("high", "h2"), fields.pop("note", "")
    plate_mm = 52 if fields.get("number") else 0
    icon_mm = (66 if sheet.shape == "tall" else 56) if high == "h1" else 46
    room_mm = sheet.column_mm - 20 - plate_mm - icon_mm
    if sheet.fit(note, room_mm, "x1", 1) == "x1" and _over(note, room_mm, sheet):
        note = ""
    most = fields.pop("most", "x5" if high == "h1" else "x4")
    size = sheet.fit(word, room_mm, most)
    return ScreenKey(press=press, word=word, icon=icon, high=high, note=note, size=size, **fields)


def _over(words: str, room_mm: float, sheet: PanelLayout) -> bool:
    return sum(1.0 if ord(s) > 0x2E80 else 0.6 for s in words) * sheet.size_mm("x1") > room_mm  # noqa: PLR2004  # where wide signs begin


def tile_key(
    scene: RenderContext, press: str, word: str, icon: str, span: int, **fields: Any
) -> ScreenKey:
    """A key with its pictogram above its word."""
    sheet = scene.sheet
    room_mm = sheet.tile_mm(span)
    note = fields.pop("note", "")
    if note and (sheet.large or _over(note, room_mm, sheet)):
        note = ""
    most = "x2" if sheet.large and fields.get("high") == "h2" else "x3"
    size = sheet.fit(word, room_mm, most)
    return ScreenKey(press=press, word=word, icon=icon, span=span, note=note, size=size, **fields)


def text_line(
    scene: RenderContext, words: str, most: str = "x3", lines: int = 2, **fields: Any
) -> ScreenLine:
    """A fact in words, as large as fits."""
    size = scene.sheet.fit(words, scene.sheet.column_mm - (24 if fields.get("icon") else 0),
                           most, lines)  # fmt: skip
    return ScreenLine(text=words, size=size, **fields)


def disabled_key(key: ScreenKey, *, because: str) -> ScreenKey:
    """The same plate when it cannot be done now."""
    return msgspec.structs.replace(key, off=True, hue="", note=because)

"""What stands on a kiosk's screen: what is read above, what is pressed below. Data, no markup.

Sizes are millimetres of the panel that the pages are drawn for (`SHEET_MM`); a larger panel shows
all of it larger.
"""

import re

import msgspec

from kiosk.requests.options import KioskPanel

# A 21.5-inch panel, upright and lying.
SHEET_MM = {"tall": (268.0, 476.0), "wide": (476.0, 268.0)}

# Body text of 10 mm is for a reader so far away.
READ_FROM_MM = 600

# How wide the column of keys and the board's text are.
COLUMN_MM = {"tall": 240.0, "wide": 210.0}

SIZES_MM = {"x6": 47.0, "x5": 36.0, "x4": 26.0, "x3": 18.0, "x2": 13.0, "x1": 10.0}
# The three smaller sizes grow so much in larger type; the others are large already.
LARGER = 1.15

GAP_MM = 10.0
_CLAUSE = re.compile(r"[^，。？！；：、]*[，。？！；：、]”?|[^，。？！；：、]+$")
# From here on a sign is as wide as it is high.
_SCRIPT = 0x2E80


def panel_scale(panel: KioskPanel) -> tuple[str, float]:
    """How the sheet lies on that panel, and how many pixels a millimetre of it is there."""
    across, down = panel.px
    shape = "tall" if down >= across else "wide"
    sheet = SHEET_MM[shape]
    return shape, round(min(across / sheet[0], down / sheet[1]), 4)


def relative_size(panel: KioskPanel) -> float:
    """How large everything is, against the millimetres and the distance that it is drawn for."""
    grows = panel_scale(panel)[1] / panel.px_a_mm
    return grows * min(1.0, READ_FROM_MM / panel.view_mm)


class ScreenKey(msgspec.Struct, frozen=True, kw_only=True):
    """A plate to press. `press` is what is sent; `number` is on the plate and on the keyboard.

    `span` is its columns of six, `high` its class of height. `off`: it cannot be done now; `note`
    says why, and a press says it aloud.
    """

    press: str
    word: str
    icon: str = ""
    hue: str = "quiet"
    span: int = 6
    high: str = "h2"
    number: str = ""
    note: str = ""
    size: str = "x3"
    off: bool = False


class ScreenRow(msgspec.Struct, frozen=True):
    """A line of the board: when or a pictogram, what, and where."""

    head: str
    text: str
    end: str = ""
    icon: str = ""


class ScreenLine(msgspec.Struct, frozen=True, kw_only=True):
    """One fact on the board.

    `count`: seconds since `start` of the station's lived time. `car`: a number plate. `steps`:
    stops of a line, each a class and a word in `rows`.
    """

    kind: str = "text"
    text: str = ""
    size: str = "x3"
    icon: str = ""
    note: str = ""
    start: int = 0
    rows: tuple[ScreenRow, ...] = ()


class ScreenModel(msgspec.Struct, frozen=True, kw_only=True):
    """One screen. `hue` and `shape` are the board's; `caption` is exactly what is spoken.

    `beside`: a car that comes for somebody who is not at this page. `tongue`: the language of
    the caption, where it is not the screen's.
    """

    name: str
    hue: str = ""
    shape: str = "field"
    number: str = ""
    title: str = ""
    title_size: str = "x4"
    icon: str = ""
    head: str
    size: str = "x5"
    mark: str = ""
    clock: str = ""
    date: str = ""
    lines: tuple[ScreenLine, ...] = ()
    caption: str = ""
    caption_size: str = "x2"
    keys: tuple[ScreenKey, ...] = ()
    pad: bool = False
    foot: tuple[ScreenKey, ...] = ()
    beside: ScreenRow | None = None
    language: str = "zh"
    tongue: str = ""
    night: bool = False
    large: bool = False
    contrast: bool = False

    def find_key(self, press: str) -> ScreenKey | None:
        """The key that sends that, if it is on this screen."""
        return next((key for key in (*self.keys, *self.foot) if key.press == press), None)

    def find_numbered_key(self, number: str) -> ScreenKey | None:
        """The key with that number on its plate."""
        return next((key for key in (*self.keys, *self.foot) if key.number == number), None)


class PanelLayout(msgspec.Struct, frozen=True):
    """The panel's shape, and whether type is larger: what fits where."""

    shape: str = "tall"
    large: bool = False

    @property
    def column_mm(self) -> float:
        """The width of the board's text, and of the keys."""
        return COLUMN_MM[self.shape]

    def fit(self, words: str, room_mm: float, most: str = "x5", lines: int = 1) -> str:
        """The largest size, up to `most`, in which the words stand on so many lines."""
        names = list(SIZES_MM)
        for name in names[names.index(most) :]:
            if _lines(words, room_mm / self.size_mm(name)) <= lines:
                return name
        return names[-1]

    def size_mm(self, name: str) -> float:
        """How high an em of that size is."""
        grows = self.large and name in ("x1", "x2", "x3")
        return SIZES_MM[name] * (LARGER if grows else 1)

    def tile_mm(self, span: int) -> float:
        """The room for words on a tile of so many columns."""
        return (self.column_mm + GAP_MM) * span / 6 - GAP_MM - 6


def split_clauses(words: str) -> list[str]:
    """Chinese is broken after its marks, where there is room to; within a word it reads wrongly."""
    return _CLAUSE.findall(words)


def _lines(words: str, room_ems: float) -> float:
    """On how many lines they stand: whole clauses of Chinese; other words leave some room."""
    parts = split_clauses(words)
    if width_ems(words) <= room_ems or len(parts) == 1:
        return width_ems(words) / room_ems + (0.4 if width_ems(words) > room_ems else 0.0)
    lines, used = 1, 0.0
    for clause in parts:
        wide = width_ems(clause)
        if used and used + wide > room_ems:
            lines, used = lines + 1, 0.0
        lines += int((used + wide) // room_ems) if wide > room_ems else 0
        used = used + wide if wide <= room_ems else wide % room_ems
    return lines


def width_ems(words: str) -> float:
    """How many ems they are wide, about."""
    return sum(1.0 if ord(sign) >= _SCRIPT else 0.6 for sign in words) or 1.0

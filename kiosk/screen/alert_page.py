"""An emergency where the kiosk stands: its words over the whole screen, to be read from 3 m. Pure.

Every other page gives way to it, and comes back at its end. Only the key for a person is left.
"""

from collections.abc import Iterator
from math import ceil

import msgspec

from kiosk.screen.alerts import ScreenAlert
from kiosk.screen.context import RenderContext, build_screen, foot_keys, text_line
from kiosk.screen.model import SHEET_MM, ScreenLine, ScreenModel, split_clauses, width_ems

# An em, the largest first. The smallest has capitals of 38 mm: 0.7 degrees at three metres.
READ_MM = {"a3": 84.0, "a2": 66.0, "a1": 52.0}

LINE_EMS = 1.18
MARGINS_MM = 28.0
# How high the words may stand between the head and the foot.
ROOM_MM = {"tall": 290.0, "wide": 126.0}

# What does not fit is shown in pages, each for so many seconds.
PAGE_S = 5


def draw_alert(scene: RenderContext, told: ScreenAlert) -> ScreenModel:
    """The largest type in which all of it stands at once; else the smallest, page by page."""
    words = told.words or scene.words("kiosk.alert-listen")
    size, pages = fit_words(words, scene.sheet.shape)
    made = build_screen(
        scene,
        "alert",
        scene.words("kiosk.alert-head"),
        shape="alert",
        hue="is-person",
        icon="warning",
        size="x4" if scene.sheet.shape == "tall" else "x3",
        caption=pages[scene.now // PAGE_S % len(pages)].strip(),
        lines=_lines(scene),
        foot=foot_keys(scene, "home")[2:],  # a person, if this kiosk is for that
        tongue=told.language,
    )
    return msgspec.structs.replace(made, caption_size=size, beside=None)


def fit_words(words: str, shape: str) -> tuple[str, list[str]]:
    """The size in which the words are read from 3 m, and the pages that they fill in it."""
    smallest, pages = "", [words]
    for smallest, em_mm in READ_MM.items():
        a_line = int((SHEET_MM[shape][0] - MARGINS_MM) / em_mm)
        lines = int(ROOM_MM[shape] / (em_mm * LINE_EMS))
        pages = list(_pages(words, a_line, lines))
        if len(pages) == 1:
            return smallest, pages
    return smallest, pages


def _pages(words: str, a_line: int, lines: int) -> Iterator[str]:
    """As many clauses a page as stand on its lines; one that does not fit on a line begins one."""
    page, full, used = "", 0, float(a_line)
    for part in _parts(words, a_line * lines):
        wide = width_ems(part)
        more = 0 if used + wide <= a_line else ceil(wide / a_line)
        if page and full + more > lines:
            yield page
            page, full, more = "", 0, ceil(wide / a_line)
        page, full = page + part, full + more
        used = used + wide if more == 0 else wide if more == 1 else a_line
    yield page


def _parts(words: str, most: int) -> Iterator[str]:
    """Clauses; one that is longer than a page in pieces, at a blank where it has one."""
    for clause in split_clauses(words) or [words]:
        rest = clause
        while width_ems(rest) > most:
            fits = next(n for n in range(len(rest), 0, -1) if width_ems(rest[:n]) <= most)
            at = rest.rfind(" ", 0, fits) + 1 or fits
            yield rest[:at]
            rest = rest[at:]
        yield rest


def _lines(scene: RenderContext) -> tuple[ScreenLine, ...]:
    """That somebody has been called from here."""
    call = scene.open_call
    if call is None:
        return ()
    code = "kiosk.comes-short" if call.in_hand else "kiosk.called-short"
    return (text_line(scene, scene.words(code), "x3", 1, kind="icon", icon="person"),)

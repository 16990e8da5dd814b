"""The table renderer of the command line, with correct widths of Chinese text."""

import unicodedata
from collections.abc import Iterable, Sequence

GAP = "  "


def cell_width(text: str) -> int:
    """How many terminal cells the text takes: a Chinese character takes two."""
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Me", "Mn"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad_cells(text: str, cells: int, *, right: bool = False) -> str:
    """The text padded to that many cells, at its right end or (`right`) its left."""
    blanks = " " * (cells - cell_width(text))
    return blanks + text if right else text + blanks


def clip_cells(text: str, cells: int) -> str:
    """The text, shortened with `…` if it takes more than that many cells."""
    if cell_width(text) <= cells:
        return text
    kept = ""
    for character in text:
        if cell_width(kept + character) > cells - 1:
            break
        kept += character
    return kept + "…"


def render_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[int] = (),
    cells_max: int = 48,
) -> str:
    """Heads, and rows under them, in columns two blanks apart; no trailing blanks.

    `right` names the columns (from 0) that are right-aligned. None shows as `–`; a cell wider
    than `cells_max` is clipped, and control characters never reach the terminal.
    """
    lines = [tuple(heads), *(tuple(_cell(cell, cells_max) for cell in row) for row in rows)]
    widths = [max(map(cell_width, column)) for column in zip(*lines, strict=True)]
    right = frozenset(right)
    return "\n".join(
        GAP.join(
            pad_cells(cell, cells, right=index in right)
            for index, (cell, cells) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cell(cell: object, cells_max: int) -> str:
    text = "–" if cell is None else str(cell)
    return clip_cells("".join(c if c.isprintable() else " " for c in text), cells_max)

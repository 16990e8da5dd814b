"""Columns line up in cells of the terminal, whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.texts.table import cell_width, clip_cells, pad_cells, render_table


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("3号楼", 5), ("，", 2), ("e\u0301", 1), ("a\u200bb", 2), ("ｱ", 1)],
)
def test_how_wide_a_text_is(text: str, cells: int) -> None:
    assert cell_width(text) == cells


def test_a_table_in_two_scripts() -> None:
    drawn = render_table(
        ["设备", "name", "值"], [["3号楼总电表", "meter", 18.4], ["em", None, "长" * 30]],
        right=[2], cells_max=12,
    )  # fmt: skip
    assert drawn.split("\n") == [
        "设备         name            值",
        "3号楼总电表  meter         18.4",
        "em           –      长长长长长…",
    ]


def test_heads_alone_and_nothing_at_the_ends_of_lines() -> None:
    assert render_table(["a", "b"], []) == "a  b"
    assert render_table(["a", "b"], [["x", ""]]) == "a  b\nx"


def test_what_a_device_says_cannot_move_the_cursor() -> None:
    assert render_table(["a"], [["\x1b[2J\nx\u202e"]]) == "a\n [2J x"


@given(st.text(max_size=30), st.integers(1, 20))
def test_clipping_and_filling_keep_to_the_cells(text: str, cells: int) -> None:
    assert cell_width(clip_cells(text, cells)) <= cells
    assert cell_width(pad_cells(clip_cells(text, cells), cells)) == cells


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_every_line_of_a_table_has_its_second_column_in_one_place(
    rows: list[tuple[str, str]],
) -> None:
    lines = render_table(["head", "|"], [(left, "|") for left, _ in rows], cells_max=10).split("\n")
    assert len({cell_width(line) for line in lines}) == 1

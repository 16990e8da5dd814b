"""The table of `cases.toml`, and what holds for every text there is."""

import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.voice.normalise import RULES, normalise
from broadcast.voice.numbers import amount
from broadcast.voice.readings_zh import STRENGTH, UNITS

CASES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))
TABLE = [(written, said) for group in CASES.values() for written, said in group.items()]

written = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("0123456789.:-/~%℃¥,年月日点分号楼单元室路层元电话至到 ABm³kWh"),
    ),
    max_size=40,
)


def test_the_table_is_as_long_as_promised():
    assert len(TABLE) >= 150


@pytest.mark.parametrize(("text", "said"), TABLE, ids=[repr(text) for text, _ in TABLE])
def test_a_text_is_read_as_people_read_it(text, said):
    assert normalise(text) == said


@given(written)
def test_no_text_crashes_and_nothing_is_left_that_a_voice_cannot_read(text):
    said = normalise(text)
    assert all(each in STRENGTH or unicodedata.name(each, "CJK").startswith("CJK") for each in said)


@given(written)
def test_reading_it_anew_changes_nothing(text):
    said = normalise(text)
    assert normalise(said) == said


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4), written)
def test_no_number_is_swallowed(numbers, around):
    """However it is read, each digit group leaves a word for a number."""
    text = f"共{'和'.join(map(str, numbers))}件。{''.join(c for c in around if not c.isalnum())}"
    said = normalise(text)
    assert sum(said.count(each) for each in "零幺一二两三四五六七八九十") >= len(numbers)


@given(st.integers(0, 10**16 - 1))
def test_an_amount_can_be_read_back(number):
    assert _understood(amount(str(number))) == number


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_said(unit):
    assert normalise(f"3{unit}") == "三" + normalise(UNITS[unit])


def test_no_rule_takes_long_over_a_hostile_text():
    """Every rule is linear enough for a thousand characters of the worst kind."""
    for text in ("1-" * 500, "1:" * 500, "1." * 500, "0" * 1000, "电话 " + "1 " * 500, "-" * 1000):
        for pattern, _ in RULES:
            assert len(pattern.findall(text)) <= len(text) + 1
        assert normalise(normalise(text)) == normalise(text)


def _understood(said: str) -> int:
    """An independent reader of Chinese numerals."""
    digits = {name: n for n, name in enumerate("零一二三四五六七八九")} | {"两": 2}
    total = section = digit = 0
    for name in said if not said.startswith("十") else "一" + said:
        if name in digits:
            digit = digits[name]
        elif name in "十百千":
            section += digit * {"十": 10, "百": 100, "千": 1000}[name]
            digit = 0
        else:
            total += (section + digit) * {"万": 10**4, "亿": 10**8, "兆": 10**12}[name]
            section = digit = 0
    return total + section + digit

"""Where each key stands: checked against documents whose lines are known."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.toml.key_lines import KeyLines, KeyPath

DOCUMENT = '''schema = 1                          # a comment with = and [brackets]

[station]
id = "wangjing-07"
"quoted key" = 'literal # no comment'
name = """
several
lines = "x" """

[place]
grid = { name = "网格", code = "1]" }
b3 = { name = "3号楼", in = "grid" }   # {

[device.di-b3]
inputs.1 = { is = "smoke", id = "a" }
inputs.2 = { is = "key", id = "b" }
when = 2026-05-01 21:30:00
numbers = [
  1,  # one
  [2, "]"], { x = 1, y = 2 },

]

[[rule]]
use = "leak"
[rule.set]
above = 1.5
[[rule]]
use = \'\'\'smoke\'\'\'
'''

EXPECTED: dict[KeyPath, int] = {
    ("schema",): 1,
    ("station",): 3,
    ("station", "id"): 4,
    ("station", "quoted key"): 5,
    ("station", "name"): 6,
    ("place", "grid"): 11,
    ("place", "grid", "code"): 11,
    ("place", "b3", "in"): 12,
    ("device",): 14,
    ("device", "di-b3"): 14,
    ("device", "di-b3", "inputs"): 15,
    ("device", "di-b3", "inputs", "2", "id"): 16,
    ("device", "di-b3", "when"): 17,
    ("device", "di-b3", "numbers"): 18,
    ("device", "di-b3", "numbers", 0): 19,
    ("device", "di-b3", "numbers", 1, 1): 20,
    ("device", "di-b3", "numbers", 2): 20,
    ("device", "di-b3", "numbers", 2, "y"): 20,
    ("rule",): 24,
    ("rule", 0, "use"): 25,
    ("rule", 0, "set"): 26,
    ("rule", 0, "set", "above"): 27,
    ("rule", 1): 28,
    ("rule", 1, "use"): 29,
}


@pytest.mark.parametrize(("path", "line"), EXPECTED.items(), ids=str)
def test_each_kind_of_key_is_found(path: KeyPath, line: int) -> None:
    assert KeyLines(DOCUMENT).line_of(path) == line


def test_what_is_not_written_is_where_its_table_is() -> None:
    lines = KeyLines(DOCUMENT)
    assert lines.line_of(("device", "di-b3", "place")) == 14
    assert lines.line_of(("zone", "hall")) == 1


def test_every_key_that_tomllib_reads_has_a_line_of_its_own() -> None:
    lines = KeyLines(DOCUMENT)
    paths = list(all_paths(tomllib.loads(DOCUMENT)))
    assert len(paths) > 30
    assert [path for path in paths if path not in lines._line_of] == []


def all_paths(node: Any, path: KeyPath = ()) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from all_paths(value, (*path, key))


@pytest.mark.parametrize(
    ("text", "path", "first", "again"),
    [
        ("a = 1\nb = 2\na = 3", ("a",), 1, 3),
        ("[x]\n[y]\n\n[x]", ("x",), 1, 4),
        ("t = { k = 1, k = 2 }", ("t", "k"), 1, 1),
        ("[d.e]\nf.g = 1\nf.g = 2", ("d", "e", "f", "g"), 2, 3),
    ],
)
def test_what_is_written_twice_is_found_twice(
    text: str, path: KeyPath, first: int, again: int
) -> None:
    assert KeyLines(text).repeated == [(path, first, again)]


def test_a_table_that_a_deeper_one_opened_is_not_written_twice() -> None:
    assert KeyLines("[a.b]\nx = 1\n[a]\ny = 1").repeated == []


@given(st.text(alphabet=" \n\"'[]{}=,.#\\ab1=中", max_size=60))
def test_whatever_stands_there_the_scanner_ends(text: str) -> None:
    assert KeyLines(text).line_of(("a",)) <= text.count("\n") + 1


keys = st.sampled_from(["a", "b-1", "中", "d e", 'q"', "'"])
values = st.recursive(
    st.integers() | st.booleans() | st.sampled_from(["x", "#", "]", "}", '"', "'", "\\", "a = 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_every_key_is_found_in_any_document(table: dict[str, Any]) -> None:
    import tomlkit  # noqa: PLC0415 - slow to import, and needed here alone

    text = tomlkit.dumps(table)
    lines = KeyLines(text)
    assert tomllib.loads(text) == table
    assert [path for path in all_paths(table) if path not in lines._line_of] == []
    assert lines.repeated == []

"""Reasons stand in comments above what they explain, and moving them there changes no code."""

import ast

import pytest

from tests.repository.code_tree import trees
from tests.repository.constant_comments import COLUMNS, commented, strings

BEFORE = '''\
"""The module."""

PAUSE_S = 2.0
"""Silence that ends a recording.

- measured once
  with a person
"""

TABLE = {
    "a": 1,
}
"""By letter."""


class Sort(Enum):
    """What sorts there are."""

    A = "a"
    """The first."""
    B = "b"
    C = "c"

    def f(self):
        x = 1
        """Said twice."""
        return x
'''
AFTER = '''\
"""The module."""

# Silence that ends a recording.
#
# - measured once
#   with a person
PAUSE_S = 2.0

# By letter.
TABLE = {
    "a": 1,
}


class Sort(Enum):
    """What sorts there are."""

    # The first.
    A = "a"

    B = "b"
    C = "c"

    def f(self):
        # Said twice.
        x = 1
        return x
'''


def test_no_string_stands_below_an_assignment() -> None:
    found = [f"{module}: {each.text}" for module, tree in trees().items() for each in strings(tree)]
    assert found == [], "python -m tests.repository.constant_comments"


def test_strings_become_comments_above() -> None:
    assert commented(BEFORE) == AFTER
    assert commented(AFTER) == AFTER


@pytest.mark.parametrize("word", ["word", "文字"])
def test_what_grows_too_wide_is_wrapped(word: str) -> None:
    long = " ".join([word] * 40)
    rows = commented(f'class A:\n    x: int = 1\n    """{long}"""\n').splitlines()
    assert all(len(row.encode("gb18030")) <= COLUMNS for row in rows)
    assert " ".join(row.strip(" #") for row in rows[1:-1]) == long


def test_what_explains_no_assignment_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        commented('import os\n"""Why."""\n')
    with pytest.raises(ValueError, match="more than the string"):
        commented('X = 1; """Why."""\n')


def test_docstrings_are_left_alone() -> None:
    assert strings(ast.parse('"""M."""\ndef f():\n    """F."""\n    return 1\n')) == []

"""The glossary's names are the code's, and each term stands there once."""

import re
from collections import Counter

from tests.repository.code_tree import ROOT, public_classes, trees

ROW = re.compile(r"^\| (\S.*?) \| (.+?) \| (`.+`) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, list[str]]]:
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    return [(zh, en, re.findall(r"`([\w.]+)`", names)) for zh, en, names in ROW.findall(text)]


def test_every_name_of_the_glossary_is_the_codes() -> None:
    known = {*trees(), *(each.name for each in public_classes())}
    named = {name for _, _, names in rows() for name in names}
    assert len(named) > 50
    assert sorted(named - known) == []


def test_a_term_stands_in_the_glossary_once() -> None:
    terms = Counter(zh for zh, _, _ in rows())
    assert [zh for zh, count in terms.items() if count > 1] == []

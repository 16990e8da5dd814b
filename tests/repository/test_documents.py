"""The documents name what there is: tests, files, commands; and both languages say the same."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gateway.cli import COMMANDS
from tests.parts import PARTS
from tests.repository.code_tree import ROOT, tracked, trees

DOCS = sorted(ROOT / name for name in tracked() if name.endswith(".md"))
NAMED = re.compile(r"`(?:tests/)?((?:[a-z_]+/)+test_\w+\.py)(?:::(test_\w+)(…)?)?[`(]?")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PICTURE_BYTES_MAX = 150_000
READMES = [ROOT / "README.md", ROOT / "docs/README.zh.md"]


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", DOCS, ids=short)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    gone = []
    for file, function, open_end in NAMED.findall(page.read_text("utf-8")):
        path = ROOT / "tests" / file
        names = functions_of(path) if path.exists() else frozenset()
        there = any(name.startswith(function) if open_end else name == function for name in names)
        if not path.exists() or (function and not there):
            gone.append(f"{file}::{function}")
    assert gone == []


def test_the_page_on_security_names_enough_of_them() -> None:
    found = NAMED.findall((ROOT / "docs/security.md").read_text("utf-8"))
    assert len({file for file, *_ in found}) >= 20
    assert any(function for _, function, _ in found)


@pytest.mark.parametrize("page", DOCS, ids=short)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_module_that_the_architecture_names_is_there() -> None:
    """Also those in the drawn ways: a module, or what stands in one."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    named = set(re.findall(r"\b(?:gateway|drivers|broadcast|kiosk)(?:\.[a-z_0-9]+)+\b", text))
    files = {name for name in named if name.endswith((".py", ".toml"))}
    assert len(named - files) > 40
    assert named - files - trees().keys() == set()


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    pages = {page.name for page in DOCS if page.parent == ROOT / "docs"} - {"README.md"}
    assert pages <= set(LINK.findall(index))


def test_the_page_of_commands_names_every_command_and_no_other() -> None:
    text = (ROOT / "docs/commands.md").read_text("utf-8")
    named = {
        name
        for row in re.findall(r"^\| `yizhan ([a-z\\|]+)(?: |`)", text, re.MULTILINE)
        for name in row.split("\\|")
    }
    tasks = {"tail", "verify", "salvage", "export", "show"}  # beside `stats` and `list`
    assert named - tasks == COMMANDS.keys()


def test_the_pictures_are_small_and_each_is_shown() -> None:
    shown = {
        picture
        for page in READMES
        for picture in re.findall(
            r"^!\[.+\]\(\S*pictures/(\S+)\)$", page.read_text("utf-8"), re.MULTILINE
        )
    }
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()}
    assert sizes.keys() == shown
    assert max(sizes.values()) <= PICTURE_BYTES_MAX


def test_the_contributors_page_names_every_part_and_task() -> None:
    text = (ROOT / "docs/CONTRIBUTING.md").read_text("utf-8")
    tasks = re.findall(r"^\./dev (\w+)", (ROOT / "dev").read_text("utf-8"), re.MULTILINE)
    assert len(tasks) > 8
    assert [part.name for part in PARTS if f"`{part.name}`" not in text] == []
    assert [task for task in tasks if f"./dev {task}" not in text] == []


def test_both_languages_say_the_same() -> None:
    """The same commands, pages and headings, in the same order."""
    english, chinese = (page.read_text("utf-8") for page in READMES)
    for what in (r"^\| (`yizhan [^`]+`|http\S+) ", r"^(\./dev \w+|yizhan \w+)", r"^(#+) "):
        found = re.compile(what, re.MULTILINE)
        assert found.findall(english) == found.findall(chinese)

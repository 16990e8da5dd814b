"""Both catalogues say the same things, and everything that the source may say is in them."""

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.errors import StationError
from gateway.texts import LANGUAGES, Texts, catalogue, placeholders, terminal_language
from gateway.toml import Phrase

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("gateway", "drivers", "kiosk", "broadcast")
CODE = re.compile(r"[a-z0-9]+\.[a-z0-9_]+(?:-[a-z0-9_]+)*")
FILE_ENDINGS = "toml|txt|wav|db|py|html|js|css|svg|sock|key|json|sql|md|conf|lock"
FILE_NAME = re.compile(rf".*\.({FILE_ENDINGS})")
IN_TEMPLATE = re.compile(r"""\b(?:say|remedy|w)\(\s*["']([a-z0-9]+\.[a-z0-9_-]+)["']\s*[,)]""")
# A key of a page's view and kinds of commands that look like codes.
NO_CODES = {"bus.cycle", "settings.apply", "settings.read"}


class Said(NamedTuple):
    """A call whose first argument is a code: what it gives to fill the text in."""

    code: str
    names: frozenset[str]
    where: str


@cache
def sources() -> tuple[tuple[Path, tuple[ast.AST, ...]], ...]:
    """Every file with all nodes of its tree: to walk through them all costs more than to parse."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return tuple(
        (path.relative_to(ROOT), tuple(ast.walk(ast.parse(path.read_text("utf-8")))))
        for path in paths
    )


def is_code(node: ast.AST | None) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value) is not None
        and FILE_NAME.fullmatch(node.value) is None
        and node.value not in NO_CODES
    )


# Which argument of these names an edge or another place that faults are counted at.
EDGES_AT = {"on_fault": 0, "count": 0, "contain": 1}


def edges() -> set[int]:
    """The literals that name an edge, no code of a text; said at once, or by a constant."""
    named: set[int] = set()
    for _, nodes in sources():
        words = {}
        for node in nodes:
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", "")).strip("_")
                at = EDGES_AT.get(called)
                if at is not None and len(node.args) > at:
                    edge = node.args[at]
                    named.add(id(edge))
                    table = edge.value if isinstance(edge, ast.Subscript) else edge
                    words[getattr(table, "id", "")] = True
        for node in nodes:
            if isinstance(node, ast.Assign):
                targets, values = node.targets[0], node.value
                pairs = (
                    zip(targets.elts, values.elts, strict=True)
                    if isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple)
                    else [(targets, values)]
                )
                named |= {
                    id(one)
                    for target, value in pairs
                    if getattr(target, "id", "") in words
                    for one in (value.values if isinstance(value, ast.Dict) else (value,))
                }
    return named


def used_codes() -> dict[str, str]:
    """Every literal of the source that looks like a code of a section that there is."""
    known, named = {code.split(".")[0] for code in catalogue("zh")}, edges()
    used = {
        node.value: f"{path}:{node.lineno}"
        for path, nodes in sources()
        for node in nodes
        if isinstance(node, ast.Constant)
        and is_code(node)
        and node.value.split(".")[0] in known
        and id(node) not in named
    }
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.html")):
            codes = IN_TEMPLATE.findall(path.read_text("utf-8"))
            used |= dict.fromkeys(codes, str(path.relative_to(ROOT)))
    return used


def calls() -> Iterator[tuple[Path, ast.Call, bool]]:
    """Every call with a code as its first argument, and whether it makes what is raised."""
    for path, nodes in sources():
        raised = {id(n.exc) for n in nodes if isinstance(n, ast.Raise)}
        for node in nodes:
            if isinstance(node, ast.Call) and node.args and is_code(node.args[0]):
                yield path, node, id(node) in raised


def raised_codes() -> dict[str, str]:
    return {
        node.args[0].value: f"{path}:{node.lineno}"  # type: ignore[attr-defined]  # `is_code`
        for path, node, raised in calls()
        if raised
    }


def sayings() -> Iterator[Said]:
    """Raised exceptions and calls of `say`, as far as all their data stand there by name."""
    for path, node, raised in calls():
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        names = {keyword.arg for keyword in node.keywords}
        if (raised or name == "say") and None not in names:
            code = node.args[0].value  # type: ignore[attr-defined]  # `is_code`
            yield Said(code, frozenset(filter(None, names)), f"{path}:{node.lineno}")


def test_both_catalogues_hold_the_same_codes_with_the_same_names() -> None:
    zh, en = (catalogue(lang) for lang in LANGUAGES)
    assert set(zh) ^ set(en) == set()
    assert {code for code in zh if placeholders(zh[code]) != placeholders(en[code])} == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_is_a_text_that_can_be_filled_in(lang: str) -> None:
    for code, text in catalogue(lang).items():
        assert isinstance(text, str), code
        assert text.strip(), code
        for _, name, spec, conversion in string.Formatter().parse(text):
            assert name is None or name.isidentifier(), f"{code}: {name}"
            assert not conversion, code
            assert "{" not in (spec or ""), code


def test_every_remedy_belongs_to_a_text() -> None:
    zh = catalogue("zh")
    assert {c for c in zh if c.endswith("-remedy") and c.removesuffix("-remedy") not in zh} == set()


@pytest.mark.slow
def test_whoever_says_a_text_gives_all_that_it_asks_for() -> None:
    said = list(sayings())
    assert len(said) > 50
    missing = {}
    for code, names, where in said:
        for text in (catalogue("zh").get(code, ""), catalogue("zh").get(f"{code}-remedy", "")):
            if not placeholders(text) <= names:
                missing[code] = (sorted(placeholders(text) - names), where)
    assert missing == {}


def test_every_code_that_the_source_names_has_a_text() -> None:
    texts = catalogue("zh")
    used = used_codes()
    assert len(used) > 100
    assert {code: where for code, where in used.items() if code not in texts} == {}


def test_every_code_that_is_raised_has_a_text() -> None:
    texts = catalogue("zh")
    assert {code: where for code, where in raised_codes().items() if code not in texts} == {}


def test_a_text_is_filled_in_the_language_asked_for() -> None:
    assert Texts("zh").say("settings.repeated", first=3) == "写了两遍；第一遍在第 3 行"
    assert Texts("en").say("settings.repeated", first=3) == "Written twice; the first is in line 3"
    assert Texts("fr").lang == "zh"


@pytest.mark.parametrize(
    ("code", "data", "said"),
    [
        ("no.such-code", {"a": 1}, "no.such-code a=1"),
        ("settings.repeated", {}, "settings.repeated"),
        ("settings.repeated", {"other": 2}, "settings.repeated other=2"),
    ],
)
def test_whoever_reports_trouble_makes_no_more_of_it(
    code: str, data: dict[str, int], said: str
) -> None:
    assert Texts("zh").say(code, **data) == said


def test_a_phrase_or_error_inside_the_data_is_said_in_its_place() -> None:
    inner = Phrase("settings.did-you-mean", {"near": "port"})
    error = StationError("settings.repeated", first=2)
    texts = Texts("en")
    assert texts.say("check.unknown-bus-remedy", hint=inner) == "Did you mean port?"
    assert texts.say("check.unknown-bus-remedy", hint=error).startswith("Written twice")


def test_a_remedy_is_given_where_one_is_known() -> None:
    assert Texts("zh").remedy("settings.binary", found="x")
    assert Texts("zh").remedy("settings.did-you-mean", near="x") is None


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({}, "zh"),
        ({"LANG": "C"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US"}, "en"),
        ({"LANG": "en_US", "LC_MESSAGES": "zh_CN"}, "zh"),
    ],
)
def test_the_terminals_language(environ: dict[str, str], lang: str) -> None:
    assert terminal_language(environ) == lang

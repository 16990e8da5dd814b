"""The house rules that no linter knows."""

import ast
import importlib.metadata
import re

import pytest

from tests.parts import LARGE, PARTS
from tests.repository.code_tree import CODE, ROOT, code_files, texts, tracked

TOP = {
    *CODE,
    *("config", "systemd", "tests", "docs", "dev", "LICENSE", "CHANGELOG.md", "README.md"),
    *("LICENSES", "REUSE.toml"),  # where the REUSE specification wants them
    *("pyproject.toml", "requirements.lock", "requirements-dev.lock", "requirements-build.lock"),
}


def test_the_top_of_the_tree_is_the_card_and_nothing_beside() -> None:
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_our_import_names_belong_to_us_alone() -> None:
    owners = importlib.metadata.packages_distributions()
    others = {name: set(owners.get(name, ())) - {"yizhan", "yizhan-tools"} for name in CODE}
    assert others == {name: set() for name in CODE}


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        (r"time\.time\(|time\.time_ns\(|datetime\.now\(|CLOCK_REALTIME|utcnow\(", {"kernel.py"}),
        (r"asyncio\.Queue\(\s*\)|queue\.Queue\(\s*\)|SimpleQueue\(", set()),
        (r"\b(TODO|FIXME|XXX|HACK)\b", set()),
        (r"^\s*#\s*[-=─━#*]{5,}", set()),  # a divider means that this is two files
    ],
)
def test_code_never_says(pattern: str, allowed: set[str]) -> None:
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in code_files()
        if path.name not in allowed and "demo" not in path.parts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert hits == []


def test_a_broad_except_gives_its_reason() -> None:
    bare = []
    for path in code_files():
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if re.search(r"except (Base)?Exception\b|except:", line) and "#" not in line:
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []


def test_the_repository_names_no_machine_and_no_index_host() -> None:
    # Written apart so that this file does not find itself.
    forbidden = [
        "/wo" + "rk/",
        "/ro" + "ot/",
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "registry.npm" + "js",
    ]
    hits = [(name, word) for name, text in texts() for word in forbidden if word in text]
    assert hits == []


def test_every_folder_of_tests_belongs_to_a_part() -> None:
    names = {name.split("/")[1] for name in tracked() if name.startswith("tests/")}
    tests = {name for name in names if any((ROOT / "tests" / name).glob("test_*.py"))}
    parts = {folder for part in (*PARTS, LARGE) for folder in part.folders}
    assert tests - {"bench"} <= parts


def test_documents_cite_names_never_line_numbers() -> None:
    hits = [
        (name, found.group())
        for name, text in texts()
        if name.endswith(".md")
        for found in re.finditer(r"\w+\.py:\d+", text)
    ]
    assert hits == []


def test_no_name_in_an_errors_data_meets_a_parameter() -> None:
    """Whatever takes an error's `**data` takes everything else by position alone."""
    met = [
        f"{path.name}: {node.name}"
        for path in code_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.args.kwarg is not None
        and node.args.kwarg.arg == "data"
        and (node.args.args or {each.arg for each in node.args.kwonlyargs} - {"divisible"})
    ]
    assert met == []

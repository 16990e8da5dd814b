"""Two distributions of one tree: the station, and `yizhan-tools` with what plays devices."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pathspec
import pytest

from gateway import __version__, cli
from tests.repository.code_tree import CODE, ROOT, module_of, tracked, trees

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
EXCLUDED = pathspec.GitIgnoreSpec.from_lines(WHEEL["exclude"])


def modules(*, tools: bool) -> set[str]:
    """Those of the one distribution or of the other."""
    files = [name for name in tracked() if name.split("/")[0] in CODE and name.endswith(".py")]
    return {module_of(ROOT / name) for name in files if EXCLUDED.match_file(name) is tools}


def imported(tree: ast.Module) -> Iterator[str]:
    """Every name that is imported and may be a module, late imports too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_the_station_imports_nothing_of_the_tools() -> None:
    tools = modules(tools=True)
    assert {"gateway.demo.command", "drivers.emulate.field", "drivers.ble.emulator"} <= tools
    wrong = [
        f"{module}: {name}"
        for module in sorted(modules(tools=False))
        for name in imported(trees()[module])
        if name in tools or name.split(".")[0] == "pymodbus"
    ]
    assert wrong == []


def test_one_version_stands_everywhere() -> None:
    assert PROJECT["project"]["version"] == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert headings[1].startswith(f"[{__version__}] - ")
    dated = re.compile(r"\[[\d.]+\] - 20\d\d-\d\d-\d\d")
    assert [each for each in headings[1:] if not dated.fullmatch(each)] == []
    kinds = set(re.findall(r"^### (.*)$", changelog, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("command", ["demo", "emulate"])
@pytest.mark.parametrize("absent", cli.TOOLS_MODULES)
def test_without_the_tools_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    absent: str,
) -> None:
    find = cli.importlib.util.find_spec
    monkeypatch.setattr(
        cli.importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    for lang, says in (("zh_CN.UTF-8", "没有装"), ("en_US.UTF-8", "is not installed here")):
        monkeypatch.setenv("LC_ALL", lang)
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 2
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert f"yizhan {command}" in line
        assert f"yizhan-tools {__version__}" in line
        assert says in line
        assert printed.out == ""


@pytest.mark.proof
def test_two_wheels_share_no_file_and_leave_none_out(tmp_path: Path) -> None:
    for place in (".", "systemd/debian/tools"):
        subprocess.run(
            [
                *(str(Path(sys.executable).with_name("uv")), "build", "--quiet", "--wheel"),
                *("--require-hashes", "--build-constraints", "requirements-build.lock"),
                *("--out-dir", str(tmp_path), place),
            ],
            cwd=ROOT,
            check=True,
        )
    names = {}
    for distribution in ("yizhan", "yizhan_tools"):
        (wheel,) = tmp_path.glob(f"{distribution}-{__version__}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names[distribution] = set(archive.namelist())
            metadata = archive.read(f"{distribution}-{__version__}.dist-info/METADATA").decode()
    assert f"Requires-Dist: yizhan=={__version__}" in metadata
    assert names["yizhan"] & names["yizhan_tools"] == set()
    sources = {name for name in tracked() if name.split("/")[0] in CODE}
    assert sources <= names["yizhan"] | names["yizhan_tools"]
    data = {name.partition("/data/share/yizhan/")[2] for each in names.values() for name in each}
    assert {name for name in tracked() if name.startswith(("config/", "systemd/"))} <= data

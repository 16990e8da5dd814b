"""The tool behind docs/renames.tsv, on a small tree."""

import subprocess
from pathlib import Path

import pytest

from tests.repository.renames.__main__ import apply, rewritten, shape
from tests.repository.renames.table import Table
from tests.repository.renames.tree import Tree

FILES = {
    "gateway/__init__.py": "",
    "gateway/web/__init__.py": 'from gateway.web.door import Door\n\n__all__ = ["Door"]\n',
    "gateway/web/door.py": (
        '"""Keeps `Door` in gateway/web/door.py."""\n'
        "class Door:\n    def open(self) -> 'Door':\n        return Door()\n"
        "class Wide(Door):\n    Door = Door\n"
        "def local(Door: int) -> int:\n    return Door\n"
    ),
    "gateway/web/page.txt": "a page\n",
    "gateway/app.py": (
        "from gateway.web import Door, door\n"
        "from gateway.web.door import Door as Other\n"
        "import gateway.web.door\n"
        "made: 'dict[str, Door]' = {}\n"
        "what: Literal['Door'] = 'Door'\n"
        "all = [Door(), Other(), door.Door(), gateway.web.door.Wide()]\n"
        "kind = 'web.door'\n"
        "started = ['-m', 'gateway.web.door']\n"
        "setattr(door, 'Door', None)\n"
    ),
    "docs/web.md": "See gateway/web/door.py, gateway.web.door and web.door.\n",
}
TABLE = (
    "module\tgateway.web\tgateway.http\n"
    "module\tgateway.web.door\tgateway.net.limit\n"
    "name\tgateway.web.door:Door\tConnectionLimit\n"
    "package\tgateway.net\tCounts.\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    return tmp_path


def renamed(folder: Path, rows: str) -> list[str]:
    path = folder.parent / "rows.tsv"
    path.write_text(rows)
    tree, table = Tree(folder), Table(path)
    made, problems = rewritten(tree, table)
    apply(tree, table, made)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    return problems


def test_a_name_changes_where_it_is_bound_and_read_and_nowhere_else(folder: Path) -> None:
    assert renamed(folder, TABLE) == []

    assert (folder / "gateway/net/limit.py").read_text() == (
        '"""Keeps `ConnectionLimit` in gateway/net/limit.py."""\n'
        "class ConnectionLimit:\n    def open(self) -> 'ConnectionLimit':\n"
        "        return ConnectionLimit()\n"
        "class Wide(ConnectionLimit):\n    Door = ConnectionLimit\n"
        "def local(Door: int) -> int:\n    return Door\n"
    )
    assert (folder / "gateway/app.py").read_text() == (
        "from gateway.http import (ConnectionLimit)\nfrom gateway.net import (limit)\n"
        "from gateway.net.limit import ConnectionLimit as Other\n"
        "import gateway.net.limit\n"
        "made: 'dict[str, ConnectionLimit]' = {}\n"
        "what: Literal['Door'] = 'Door'\n"
        "all = [ConnectionLimit(), Other(), limit.ConnectionLimit(), gateway.net.limit.Wide()]\n"
        "kind = 'web.door'\n"
        "started = ['-m', 'gateway.net.limit']\n"
        "setattr(limit, 'ConnectionLimit', None)\n"
    )
    assert '__all__ = ["ConnectionLimit"]' in (folder / "gateway/http/__init__.py").read_text()
    assert (folder / "gateway/http/page.txt").read_text() == "a page\n"
    assert (folder / "docs/web.md").read_text() == (
        "See gateway/net/limit.py, gateway.net.limit and web.door.\n"
    )


def test_the_inverse_table_gives_the_old_syntax_back(folder: Path) -> None:
    path = folder.parent / "table.tsv"
    path.write_text(TABLE)
    undo = "".join("\t".join(row) + "\n" for row in Table(path).inverse(Tree(folder)))
    renamed(folder, TABLE)

    renamed(folder, undo)

    for name, text in FILES.items():
        if name.endswith(".py"):
            assert shape((folder / name).read_text()) == shape(text), name


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("module\tgateway.gone\tgateway.x", "module gateway.gone: there is none"),
        ("name\tgateway.app:Door\tX", "name gateway.app:Door: not defined there"),
        ("name\tgateway.web.door:Door\tWide", "bound there already"),
        ("name\tgateway.web.door:Door\tlist", "hide a builtin"),
        ("name\tgateway.web.door:Wide\tDoor", "bound there already"),
        ("module\tgateway.app\tgateway.web.door", "several files would be it"),
        ("module\tgateway.app\tgateway.new.app", "needs a `package` line"),
        ("rename\ta\tb", "not a rename"),
    ],
)
def test_what_cannot_be_is_said(folder: Path, row: str, problem: str) -> None:
    path = folder.parent / "rows.tsv"
    path.write_text(row)

    problems = rewritten(Tree(folder), Table(path))[1]

    assert any(problem in each for each in problems), problems

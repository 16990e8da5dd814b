"""The table of renames, its inverse, and what is wrong with it.

Lines of tab-separated cells: `module OLD NEW` (a package takes all below it along, unless a longer
line says otherwise), `name MODULE:OLD NEW` (MODULE is where it is defined, by its old name),
`file OLD NEW` and `package NEW DOCSTRING` (one that is new).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.repository.renames.tree import ROOTS, Tree, is_code, module_of

KINDS = ("module", "name", "file", "package")
CODE = ROOTS[:4]


class Table:
    """Every rename, looked up by its old name."""

    def __init__(self, path: Path) -> None:
        self.problems: list[str] = []
        self.rows: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                self._read(f"{path}:{number}", [cell.strip() for cell in line.split("\t")])

    def _read(self, where: str, cells: list[str]) -> None:
        if len(cells) != 3 or cells[0] not in KINDS:
            self.problems.append(f"{where}: not a rename: {cells}")
            return
        kind, old, new = cells
        known = self.rows[kind].setdefault(old, new)
        if known != new:
            self.problems.append(f"{where}: {old} is renamed twice: {known}, {new}")

    def module(self, name: str) -> str:
        """The new name of a module or package."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            new = self.rows["module"].get(".".join(parts[:length]))
            if new is not None:
                return ".".join([new, *parts[length:]])
        return name

    def symbol(self, module: str, name: str) -> str:
        """The new name of what `module` (by its old name) defines."""
        return self.rows["name"].get(f"{module}:{name}", name)

    def moves(self, tree: Tree) -> dict[str, str]:
        """Every file that moves: old path to new path."""
        found = {path: self._moved(path) for path in tree.files}
        return {path: new for path, new in found.items() if new != path}

    def _moved(self, path: str) -> str:
        if path in self.rows["file"]:
            return self.rows["file"][path]
        if path.split("/", maxsplit=1)[0] not in ROOTS:
            return path
        if is_code(path):
            new = self.module(module_of(path)).replace(".", "/")
            return f"{new}/__init__.py" if path.endswith("__init__.py") else f"{new}.py"
        # data moves with the package that it stands in
        package = ".".join(Path(path).parent.parts)
        new = self.module(package)
        return path if new == package else f"{new.replace('.', '/')}/{Path(path).name}"

    def inverse(self, tree: Tree) -> Iterator[tuple[str, str, str]]:
        """The rows that undo this table on the tree that it made from `tree`."""
        moves = self.moves(tree)
        for old in filter(is_code, tree.files):
            # those that stay, too: a package that moves must not take them along
            yield "module", module_of(moves.get(old, old)), module_of(old)
        for old, new in moves.items():
            yield "file", new, old
        for key, new in self.rows["name"].items():
            module, _, old = key.partition(":")
            yield "name", f"{self.module(module)}:{new}", old


def mistakes(table: Table, tree: Tree) -> Iterator[str]:
    """What is wrong with the table for that tree."""
    yield from table.problems
    for old in table.rows["module"]:
        if not tree.is_module(old):
            yield f"module {old}: there is none"
    for old in table.rows["file"]:
        if old not in tree.files:
            yield f"file {old}: there is none"
    for key, new in table.rows["name"].items():
        yield from _wrong_name(table, tree, key, new)
    yield from _wrong_files(table, tree)


def _wrong_name(table: Table, tree: Tree, key: str, new: str) -> Iterator[str]:
    module, _, name = key.partition(":")
    bindings = tree.bindings.get(module)
    if bindings is None:
        yield f"name {key}: there is no such module"
        return
    bound = bindings.get(name)
    if not isinstance(bound, str):
        yield f"name {key}: not defined there"
    elif new in bindings and table.symbol(module, new) == new:
        yield f"name {key} -> {new}: bound there already"


def _wrong_files(table: Table, tree: Tree) -> Iterator[str]:
    moves = table.moves(tree)
    after: Mapping[str, list[str]] = defaultdict(list)
    for path in tree.files:
        after[moves.get(path, path)].append(path)
    for new, olds in after.items():
        if len(olds) > 1:
            yield f"{new}: several files would be it: {olds}"
        folder = str(Path(new).parent)
        package = folder.replace("/", ".")
        is_ours = is_code(new) and new.split("/")[0] in CODE
        if (
            is_ours
            and f"{folder}/__init__.py" not in after
            and package not in table.rows["package"]
        ):
            yield f"{package}: a new package needs a `package` line (for {new})"

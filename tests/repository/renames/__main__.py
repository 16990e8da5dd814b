"""`python -m tests.repository.renames check|apply|prove TABLE [BEFORE AFTER]`."""

import argparse
import ast
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.repository.renames.rewriter import Rewriter
from tests.repository.renames.strings import Strings
from tests.repository.renames.table import Table, mistakes
from tests.repository.renames.tree import Tree, is_code, tracked

TEXTS = {".md", ".toml", ".service", ".socket", ".yml", ".yaml", ".sh", ".html", ".txt", ".js", ""}
# what is kept as it was written, and the table itself
LEFT = ("docs/renames.tsv", "CHANGELOG.md", "tests/fixtures/", "tests/golden/")


def rewritten(tree: Tree, table: Table) -> tuple[dict[str, str], list[str]]:
    """Every file's new text by its old path, and the problems met."""
    strings, made = Strings(tree, table), {}
    problems = list(mistakes(table, tree))
    for module, path in tree.paths.items():
        rewriter = Rewriter(tree, table, module)
        text = rewriter.result()
        problems += rewriter.problems
        # the test of this tool holds a small tree of its own in strings
        is_own = path.endswith("/test_renames.py")
        made[path] = text if is_own else strings.in_module(path, text, rewriter.named_in_prose)
    for path in tree.files:
        if path in made or Path(path).suffix not in TEXTS or path.startswith(LEFT):
            continue
        try:
            text = (tree.root / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        made[path] = strings.rewritten(text, starts_a_program=path == "pyproject.toml")
    return made, list(dict.fromkeys(problems))


def apply(tree: Tree, table: Table, made: dict[str, str]) -> None:
    for path, text in made.items():
        (tree.root / path).write_text(text, "utf-8")
    moves = table.moves(tree)
    # in two steps, so that two names can change places
    for old in moves:
        (tree.root / old).rename(tree.root / f"{old}.moving")
    for old, new in moves.items():
        (tree.root / new).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / f"{old}.moving").rename(tree.root / new)
    for folder in sorted(
        {tree.root / each for old in moves for each in Path(old).parents}, reverse=True
    ):
        if not any(each.name != "__pycache__" for each in folder.iterdir()):
            shutil.rmtree(folder)
    for package, docstring in table.rows["package"].items():
        init = tree.root / package.replace(".", "/") / "__init__.py"
        if not init.exists():
            init.write_text(f'"""{docstring}"""\n', "utf-8")


def shape(source: str) -> str:
    """A module's syntax without its docstrings, the imports of each block in one order."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                setattr(node, field, list(_ordered(body)))
    return ast.dump(tree)


def _ordered(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    names: list[str] = []
    for each in body:
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            # a docstring may have named what is called so from now on
            continue
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            module = getattr(each, "module", "")
            names += [f"{module} {alias.name} {alias.asname}" for alias in each.names]
            continue
        if names:
            yield ast.Expr(ast.Constant(sorted(names)))
            names = []
        yield each
    if names:
        yield ast.Expr(ast.Constant(sorted(names)))


def checked_out(commit: str, folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", "--no-checkout", ".", folder], check=True)
    subprocess.run(["git", "-C", folder, "checkout", "-q", commit], check=True)
    return folder


def prove(path: Path, before: str, after: str) -> int:
    """The inverse table, applied to AFTER, gives every syntax tree of BEFORE."""
    with tempfile.TemporaryDirectory() as name:
        old = checked_out(before, Path(name) / "before")
        new = checked_out(after, Path(name) / "after")
        rows = Table(path).inverse(Tree(old))
        undo = Path(name) / "inverse.tsv"
        undo.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
        tree, table = Tree(new), Table(undo)
        apply(tree, table, rewritten(tree, table)[0])
        files = [each for each in tracked(old) if is_code(each)]
        wrong = [each for each in files if not _same(old / each, new / each)]
    for each in wrong:
        print(f"differs: {each}")
    print(f"{len(files)} modules, {len(wrong)} differ")
    return 1 if wrong else 0


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and shape(one.read_text("utf-8")) == shape(other.read_text("utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.repository.renames")
    parser.add_argument("task", choices=("check", "apply", "prove"))
    parser.add_argument("table", type=Path)
    parser.add_argument("commits", nargs="*", metavar="BEFORE AFTER")
    args = parser.parse_args()
    if args.task == "prove":
        return prove(args.table, *args.commits)
    tree, table = Tree(Path.cwd()), Table(args.table)
    made, problems = rewritten(tree, table)
    print("".join(f"{each}\n" for each in problems), end="")
    print(f"{len(table.moves(tree))} files move, {len(problems)} problems")
    if args.task == "apply":
        apply(tree, table, made)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

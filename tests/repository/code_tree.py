"""The code as a test reads it: modules, public names, imports and circles among them."""

import ast
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import grimp

ROOT = Path(__file__).parents[2]
CODE = ("gateway", "drivers", "kiosk", "broadcast")

Graph = Mapping[str, frozenset[str]]


class Definition(NamedTuple):
    """A class or function and where it is defined."""

    name: str
    module: str
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def lines(self) -> int:
        """From its `def` or `class` to its end; decorators are not counted."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


@cache
def tracked() -> tuple[str, ...]:
    """Every file of the repository that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(name for name in listing.stdout.splitlines() if (ROOT / name).exists())


def code_files() -> list[Path]:
    """The Python files of the four packages."""
    return [
        ROOT / name for name in tracked() if name.endswith(".py") and name.split("/")[0] in CODE
    ]


def texts() -> list[tuple[str, str]]:
    """Every text file of the repository: its name and what it says."""
    found = []
    for name in tracked():
        try:
            found.append((name, (ROOT / name).read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@cache
def trees() -> Mapping[str, ast.Module]:
    """The syntax tree of every module of the four packages."""
    return {module_of(path): ast.parse(path.read_text("utf-8")) for path in code_files()}


def module_of(path: Path) -> str:
    """`gateway/web/__init__.py` is `gateway.web`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_classes() -> Iterator[Definition]:
    """Classes at the top of a module."""
    for module, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield Definition(node.name, module, node)


def functions() -> Iterator[Definition]:
    """Functions and methods, nested and private ones too."""
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Definition(node.name, module, node)


@cache
def imports() -> Graph:
    """What each module imports of the four packages, late imports in functions too."""
    graph = grimp.build_graph(*CODE, cache_dir=None)
    return {
        each: frozenset(graph.find_modules_directly_imported_by(each)) for each in graph.modules
    }


@cache
def package_imports() -> Graph:
    """The same between packages; a module directly in one of the four stands for itself."""
    modules = imports()
    packages = {parent(module) for module in modules} - {""}

    def home(module: str) -> str:
        alone = module in packages or parent(module) in CODE
        return module if alone else parent(module)

    found: dict[str, set[str]] = {home(module): set() for module in modules}
    for module, there in modules.items():
        found[home(module)] |= {home(each) for each in there} - {home(module)}
    return {package: frozenset(there) for package, there in found.items()}


def parent(module: str) -> str:
    """The package that holds a module; empty for a package at the top."""
    return module.rpartition(".")[0]


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Every set of two or more that all reach each other (Tarjan's components), sorted."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], index[other])
        if lowest[node] == index[node]:
            place = stack.index(node)
            members = stack[place:]
            del stack[place:]
            if len(members) > 1:
                found.append(tuple(sorted(members)))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)

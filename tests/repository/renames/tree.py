"""The modules of a checkout: what each binds, and where an imported name is defined."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("gateway", "drivers", "kiosk", "broadcast", "tests")

# How a name is bound: by a definition, or by an import: (how, module, name).
DEFINED = "defined"
Bound = str | tuple[str, str, str]
Bindings = dict[str, Bound]
# A module, or what a module defines: module name | symbol module name.
Target = tuple[str, ...]

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def tracked(root: Path) -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return [path for path in listing.split("\0") if path and (root / path).is_file()]


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_code(path: str) -> bool:
    return path.endswith(".py") and path.split("/", maxsplit=1)[0] in ROOTS


class Tree:
    """All modules below a folder, parsed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = tracked(root)
        self.paths = {module_of(path): path for path in self.files if is_code(path)}
        self.sources = {
            module: (root / path).read_text("utf-8") for module, path in self.paths.items()
        }
        self.packages = {
            ".".join(parent.parts)
            for path in self.paths.values()
            for parent in list(Path(path).parents)[:-1]
        }
        self.trees = {
            module: ast.parse(source, self.paths[module]) for module, source in self.sources.items()
        }
        self.bindings = {module: _of_module(tree) for module, tree in self.trees.items()}

    def is_module(self, name: str) -> bool:
        return name in self.paths or name in self.packages

    def resolve(self, module: str, name: str, seen: tuple[Target, ...] = ()) -> Target | None:
        """Where `name` as read from `module` is defined; None outside the tree."""
        submodule = f"{module}.{name}"
        bound = self.bindings.get(module, {}).get(name)
        if bound is None or (module, name) in seen:
            return ("module", submodule) if self.is_module(submodule) else None
        if isinstance(bound, str):
            return ("symbol", module, name)
        return self.resolve_import(bound, (*seen, (module, name)))

    def resolve_import(
        self, bound: tuple[str, str, str], seen: tuple[Target, ...] = ()
    ) -> Target | None:
        how, module, name = bound
        if not self.is_module(module):
            return None
        return ("module", module) if how == "import" else self.resolve(module, name, seen)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Bound]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            how = "as" if alias.asname else "from"
            yield alias.asname or alias.name, (how, node.module or "", alias.name)
        elif alias.asname:
            yield alias.asname, ("import", alias.name, "")
        else:
            first = alias.name.split(".")[0]
            yield first, ("import", first, "")


def stored(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id


def of_scope(body: list[ast.stmt]) -> Bindings:
    """What the statements of one scope bind, those of inner scopes left out."""
    found: Bindings = {}
    elsewhere: set[str] = set()
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere.update(node.names)
        for name, bound in _of_node(node):
            found.setdefault(name, bound)
        waiting.extend(reversed(list(_below(node))))
    return {name: bound for name, bound in found.items() if name not in elsewhere}


def _of_node(node: ast.AST) -> Iterator[tuple[str, Bound]]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, DEFINED
        case ast.Import() | ast.ImportFrom():
            yield from imported(node)
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id, DEFINED
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name, DEFINED
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name, DEFINED


def _below(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield from node.decorator_list
    elif isinstance(node, COMPREHENSIONS):
        # its own scope, but for `:=`
        yield from (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
    elif not isinstance(node, ast.Lambda):
        yield from ast.iter_child_nodes(node)


def _of_module(tree: ast.Module) -> Bindings:
    found = of_scope(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            for name in node.names:
                found.setdefault(name, DEFINED)
    return found

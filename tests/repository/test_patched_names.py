"""What a test puts a stand-in for exists: names in strings follow no renaming."""

import ast
import importlib
from collections.abc import Iterator
from typing import Any

from tests.repository.code_tree import ROOT

OURS = ("gateway", "drivers", "kiosk", "broadcast", "tests")
PATCHES = {"setattr", "object", "delattr"}


def imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Every name that a module imports from us: the module and what it takes from it."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS
        for alias in node.names
    }


def found(expression: ast.expr, names: dict[str, tuple[str, str]]) -> Any:
    """What an expression of imported names stands for; None if that is not known."""
    if isinstance(expression, ast.Attribute):
        owner = found(expression.value, names)
        return None if owner is None else getattr(owner, expression.attr, None)
    if not isinstance(expression, ast.Name) or expression.id not in names:
        return None
    module, name = names[expression.id]
    owner = importlib.import_module(module)
    return (
        getattr(owner, name)
        if hasattr(owner, name)
        else importlib.import_module(f"{module}.{name}")
    )


def patches(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Each object and the name of the attribute that is replaced on it."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=verb), args=[owner, ast.Constant(value=str(name)), *_]
            ) if verb in PATCHES:
                yield owner, name


def test_every_patched_name_exists() -> None:
    missing, seen = [], 0
    for path in sorted((ROOT / "tests").rglob("*.py")):
        source = path.read_text("utf-8")
        if "setattr(" not in source and "patch.object(" not in source:
            continue
        tree = ast.parse(source)
        names = imported(tree)
        for owner, name in patches(tree):
            thing = found(owner, names)
            if thing is not None:
                seen += 1
                if not hasattr(thing, name):
                    missing.append(f"{path.relative_to(ROOT)}: {ast.unparse(owner)}.{name}")
    assert missing == []
    assert seen > 50

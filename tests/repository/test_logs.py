"""No log line, and no error that may stand in one, holds what people said or who they are."""

import ast
from collections.abc import Iterator

from tests.repository.code_tree import ROOT, code_files

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# Names that personal details and secrets go by in this code.
PERSONAL = {
    *("account", "actor", "caller", "person", "resident", "who"),
    *("address_of", "mail", "phone", "id_number", "plate"),
    *("body", "content", "form", "note", "query", "reason_text", "said", "sentence", "spoken"),
    *("text", "title", "utterance", "words"),
    *("claim_code", "code", "key_bytes", "password", "pin", "secret", "token"),
}

ERRORS = {"UsageError", "Unavailable", "CommandRefused", "Denied", "ProgramFailed"}
# In an error's data, how a program ended.
EXITS = {"code"}

SHOWN_AT_ONCE = {
    "gateway/setup/meter_check.py": "the number that an installer typed, on the page that they see",
}


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last part of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _last(node.func), node


def logged(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What the log calls write, by line: the last part of every name in their arguments."""
    for name, call in calls(tree):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name in LEVELS and _last(owner) in {"log", "_log", "logger"}:
            for given in call.args[1:]:
                yield from ((call.lineno, each) for each in _names(given))


def carried(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What errors carry besides their code, by line."""
    for name, call in calls(tree):
        if name in ERRORS:
            yield from ((call.lineno, each.arg) for each in call.keywords if each.arg)


def _last(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.AST) -> Iterator[str]:
    """Of `error.code` only `code`: what it belongs to is not written."""
    if isinstance(node, ast.Attribute | ast.Name):
        yield _last(node)
        return
    for inner in ast.iter_child_nodes(node):
        yield from _names(inner)


def test_what_is_looked_for_is_found() -> None:
    tree = ast.parse("_log.info('%s %s', record.who, len(text))\nlog.info('x', who.number)")
    assert [(line, name) for line, name in logged(tree) if name in PERSONAL] == [
        (1, "who"),
        (1, "text"),
    ]
    tree = ast.parse("raise UsageError('voice.nothing', text=text[:40])")
    assert list(carried(tree)) == [(1, "text")]


def test_no_log_line_names_a_person_or_says_what_was_said() -> None:
    looked, found = 0, []
    for path in code_files():
        for line, name in logged(ast.parse(path.read_text("utf-8"))):
            looked += 1
            if name in PERSONAL:
                found.append(f"{path.relative_to(ROOT)}:{line}: {name}")
    assert found == []
    assert looked > 50, "the log calls were seen"


def test_no_error_carries_what_was_said() -> None:
    found = []
    for path in code_files():
        where = str(path.relative_to(ROOT))
        for line, name in carried(ast.parse(path.read_text("utf-8"))):
            if name in PERSONAL - EXITS and where not in SHOWN_AT_ONCE:
                found.append(f"{where}:{line}: {name}")
    assert found == []

"""Moves reasons that stand as strings below assignments into comments above them.

    python -m tests.repository.constant_comments [--check] [FILE…]

`LIMIT = 5` followed by the statement `"Why five."` becomes `# Why five.` followed by `LIMIT = 5`.
Only the statements that are strings go: the syntax tree of everything else stays equal, which is
checked before a file is written. Without files: every Python file of the repository.
"""

import argparse
import ast
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.repository.code_tree import ROOT, tracked

COLUMNS = 100
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_ASSIGNED = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class Found(NamedTuple):
    """A string statement that is no docstring, the statement before it, and the one after."""

    before: ast.stmt | None
    string: ast.Expr
    after: ast.stmt | None

    @property
    def text(self) -> str:
        """What the string says, without the indentation of its lines."""
        assert isinstance(self.string.value, ast.Constant)
        first, *rest = str(self.string.value.value).split("\n")
        indents = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
        shared = min(self.string.col_offset, *indents) if indents else 0
        lines = [first.strip(), *(line[shared:].rstrip() for line in rest)]
        return "\n".join(lines).strip("\n")


def bodies(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.stmt]]]:
    """Every list of statements, with the node that holds it."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield node, value


def is_string(statement: ast.stmt) -> bool:
    """Whether the statement is a string and nothing else."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def strings(tree: ast.Module) -> list[Found]:
    """All string statements that are not docstrings, in the order of their lines."""
    found = []
    for holder, body in bodies(tree):
        for n, statement in enumerate(body):
            docstring = n == 0 and isinstance(holder, _DOCUMENTED) and body is holder.body
            if is_string(statement) and not docstring:
                assert isinstance(statement, ast.Expr)
                before = body[n - 1] if n else None
                after = body[n + 1] if n + 1 < len(body) else None
                found.append(Found(before, statement, after))
    return sorted(found, key=lambda each: each.string.lineno)


def commented(source: str) -> str:
    """The source with comments in place of such strings; ValueError where one follows nothing."""
    tree = ast.parse(source)
    found = strings(tree)
    reasons = {id(each.before) for each in found}
    lines = source.split("\n")
    for each in reversed(found):
        if not isinstance(each.before, _ASSIGNED):
            raise ValueError(f"line {each.string.lineno}: a string below no assignment")  # noqa: TRY004
        _move(lines, each, explained=id(each.after) in reasons)
    result = "\n".join(lines)
    _prove(tree, ast.parse(result))
    return result


def _move(lines: list[str], found: Found, *, explained: bool) -> None:
    """In place, from the end of the file to its beginning: line numbers before stay true."""
    string, before = found.string, found.before
    assert before is not None
    assert string.end_lineno is not None
    first, last = string.lineno - 1, string.end_lineno - 1
    alone = lines[first][: string.col_offset].strip() == ""
    if not alone or lines[last][_column(lines[last], string.end_col_offset) :].strip():
        raise ValueError(f"line {string.lineno}: more than the string stands on its lines")
    # What follows at once and has no reason of its own must not be read under this one.
    follows = isinstance(found.after, _ASSIGNED) and found.after.lineno == last + 2
    lines[first : last + 1] = [""] if follows and not explained else []
    place = before.lineno - 1
    indent = " " * before.col_offset
    lines[place:place] = comment(found.text, indent)


def _column(line: str, byte: int | None) -> int:
    return len(line.encode()[:byte].decode())


def comment(text: str, indent: str) -> list[str]:
    """Comment lines with that text; what is too wide for the line is wrapped anew."""
    result: list[str] = []
    for paragraph in text.split("\n\n"):
        rows = paragraph.split("\n")
        if any(_width(f"{indent}# {row}") > COLUMNS for row in rows):
            rows = _wrapped(" ".join(row.strip() for row in rows), COLUMNS - len(indent) - 2)
        result += ["", *rows] if result else rows
    return [f"{indent}# {row}".rstrip() for row in result]


def _wrapped(text: str, columns: int) -> list[str]:
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and _width(longer) > columns:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _prove(old: ast.Module, new: ast.Module) -> None:
    """The old tree without its string statements is the new tree; else AssertionError."""
    gone = {id(each.string) for each in strings(old)}
    for _, body in bodies(old):
        body[:] = [statement for statement in body if id(statement) not in gone]
    assert ast.dump(old) == ast.dump(new), "the code would change"


def main(arguments: list[str]) -> int:
    """Rewrite the files, or with --check only name what is to be rewritten."""
    parser = argparse.ArgumentParser(prog="python -m tests.repository.constant_comments")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if any is left")
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args(arguments)
    files = args.files or [ROOT / name for name in tracked() if name.endswith(".py")]
    moved = 0
    for path in files:
        source = path.read_text("utf-8")
        found = strings(ast.parse(source))
        if not found:
            continue
        moved += len(found)
        try:
            result = commented(source)
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        if not args.check:
            path.write_text(result, "utf-8")
    print(f"{moved} strings below assignments in {len(files)} files")
    return 1 if args.check and moved else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

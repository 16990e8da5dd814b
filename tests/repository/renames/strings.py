"""Paths and dotted names in strings, comments and documents.

A dotted name of two parts may be a command's kind or a text's code (`broadcast.order`): it is
changed only where it starts a program, names what a module defines, or begins with `gateway`.
"""

import io
import re
import tokenize
from collections.abc import Callable

from tests.repository.renames.table import Table
from tests.repository.renames.tree import Tree

DOTTED = re.compile(r"(?<![\w./-])(?:gateway|drivers|kiosk|broadcast|tests)(?:\.\w+)+")
PATH = re.compile(r"(?<![\w.])(?:gateway|drivers|kiosk|broadcast|tests)(?:/[\w-]+)+(?:\.\w+)?")
TICKED = re.compile(r"`([A-Za-z_]\w*)(?!-)([^`\n]*)`")
TOKENS = {
    getattr(tokenize, name)
    for name in ("STRING", "COMMENT", "FSTRING_MIDDLE")
    if hasattr(tokenize, name)
}


class Strings:
    """Rewrites what names a module or a file."""

    def __init__(self, tree: Tree, table: Table) -> None:
        self.tree, self.table = tree, table
        self.files = table.moves(tree)
        self.folders = {
            package.replace(".", "/"): table.module(package).replace(".", "/")
            for package in tree.packages
        }

    def rewritten(self, text: str, *, starts_a_program: bool = False) -> str:
        text = PATH.sub(lambda match: self._path(match[0]), text)
        return DOTTED.sub(lambda match: self._dotted(match[0], sure=starts_a_program), text)

    def _path(self, path: str) -> str:
        if path in self.files:
            return self.files[path]
        if f"{path}.py" in self.files:
            return self.files[f"{path}.py"].removesuffix(".py")
        return self.folders.get(path, path)

    def _dotted(self, dotted: str, *, sure: bool) -> str:
        parts = dotted.split(".")
        for length in range(len(parts), 1, -1):
            head, rest = ".".join(parts[:length]), parts[length:]
            if not self.tree.is_module(head):
                continue
            target = self.tree.resolve(head, rest[0]) if rest else None
            if not (sure or target or length > 2 or head.startswith(("gateway.", "tests."))):
                return dotted
            if target and target[0] == "symbol" and target[2] == rest[0]:
                rest = [self.table.symbol(target[1], target[2]), *rest[1:]]
            return ".".join([self.table.module(head), *rest])
        return dotted

    def in_module(self, path: str, source: str, new_name: Callable[[str], str]) -> str:
        """The strings and comments of a module; names between backticks as they are read there."""

        def part(text: str) -> str:
            made = self.rewritten(text, starts_a_program="-m" in text or path.endswith("/cli.py"))
            if text.startswith(("#", '"""')):
                made = TICKED.sub(lambda match: f"`{new_name(match[1])}{match[2]}`", made)
            return made

        starts = [0]
        for line in source.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        made, last = [], 0
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            start = starts[token.start[0] - 1] + token.start[1]
            if token.type in TOKENS and start >= last:
                end = starts[token.end[0] - 1] + token.end[1]
                made += [source[last:start], part(source[start:end])]
                last = end
        return "".join([*made, source[last:]])

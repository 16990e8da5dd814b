"""The edits of one module: every place where a renamed name is bound or read."""

import ast
import builtins
import re
from collections.abc import Iterable, Sequence

from tests.repository.renames.table import Table
from tests.repository.renames.tree import (
    DEFINED,
    ROOTS,
    Bindings,
    Bound,
    Target,
    Tree,
    of_scope,
    stored,
)

QUOTED = re.compile(r"""(["'])[^"'\\\n]*\1""")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
# these are told the name that their result is bound to
NAMED = {"TypeVar", "ParamSpec", "NewType", "NamedTuple", "namedtuple"}
# these take a module and the name of what stands in it
BY_NAME = {"setattr", "getattr", "delattr", "hasattr", "object"}


class Rewriter(ast.NodeVisitor):
    """Visits a module, scope by scope, and collects what changes at which offset."""

    def __init__(self, tree: Tree, table: Table, module: str) -> None:
        self.tree, self.table, self.here = tree, table, module
        self.path = tree.paths[module]
        self.source = tree.sources[module]
        self.lines = self.source.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        self.edits: dict[tuple[int, int], str] = {}
        self.problems: list[str] = []
        self.scopes: list[tuple[str, Bindings]] = [("module", tree.bindings[module])]
        # names of a class's scope that are read before they are bound there
        self.unbound: set[str] = set()
        every = list(ast.walk(tree.trees[module]))
        self.others = {each.arg for each in every if isinstance(each, ast.arg)}
        self.others |= {each.attr for each in every if isinstance(each, ast.Attribute)}
        for each in every:
            if isinstance(each, ast.ClassDef):
                self.others |= set(of_scope(each.body))

    def result(self) -> str:
        self._check_module()
        self.visit(self.tree.trees[self.here])
        made, last = [], 0
        # the edit of a whole wins over those within it
        for (start, end), new in sorted(self.edits.items(), key=lambda e: (e[0][0], -e[0][1])):
            if start >= last:
                made += [self.source[last:start], new]
                last = end
        return "".join([*made, self.source[last:]])

    def new_name(self, name: str) -> str:
        """What a name that is read here is called afterwards."""
        kind, bound = self._lookup(name)
        if bound is None:
            return name
        if isinstance(bound, str):
            return self.table.symbol(self.here, name) if kind == "module" else name
        if bound[0] != "from":
            return name
        return self._new_last(self.tree.resolve_import(bound), name)

    def named_in_prose(self, name: str) -> str:
        """What a name between backticks becomes; parameters and fields keep theirs."""
        return name if name in self.others and name.islower() else self.new_name(name)

    def _lookup(self, name: str) -> tuple[str, Bound | None]:
        for depth, (kind, found) in enumerate(reversed(self.scopes)):
            hidden = kind == "class" and (depth or name in self.unbound)
            if not hidden and name in found:
                return kind, found[name]
        return "", None

    def _new_last(self, target: Target | None, name: str) -> str:
        """The last part of a target's new name, where its old one is `name`."""
        if target is None or target[-1].rpartition(".")[2] != name:
            return name
        if target[0] == "module":
            return self.table.module(target[1]).rpartition(".")[2]
        return self.table.symbol(target[1], target[2])

    def _resolve(self, node: ast.expr) -> Target | None:
        if isinstance(node, ast.Name):
            kind, bound = self._lookup(node.id)
            if isinstance(bound, tuple):
                return self.tree.resolve_import(bound)
            return ("symbol", self.here, node.id) if bound and kind == "module" else None
        if isinstance(node, ast.Attribute):
            base = self._resolve(node.value)
            if base and base[0] == "module":
                return self.tree.resolve(base[1], node.attr)
        return None

    def _offset(self, line: int, column: int) -> int:
        text = self.lines[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(text)

    def _start(self, node: ast.expr | ast.stmt | ast.alias) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def _edit(self, start: int, end: int, new: str) -> None:
        if self.source[start:end] != new:
            known = self.edits.setdefault((start, end), new)
            assert known == new, (self.path, self.source[start:end], known, new)

    def _check(self, name: str, new: str, node: ast.AST) -> None:
        """A new name must mean nothing else where it is going to be read."""
        _, bound = self._lookup(new)
        where = f"{self.path}:{getattr(node, 'lineno', 0)}: {name} -> {new}"
        if bound is not None and self.new_name(new) == new:
            self.problems.append(f"{where}: {new} is bound here already")
        elif bound is None and new in dir(builtins):
            self.problems.append(f"{where}: it would hide a builtin")

    def _check_module(self) -> None:
        """Two names of the module must not become one."""
        became: dict[str, str] = {}
        for name in self.scopes[0][1]:
            new = self.new_name(name)
            other = became.setdefault(new, name)
            if other != name:
                self.problems.append(f"{self.path}: {name} and {other} would both be {new}")

    # Names, attributes and definitions

    def visit_Name(self, node: ast.Name) -> None:
        new = self.new_name(node.id)
        if new != node.id:
            self._check(node.id, new, node)
            start = self._start(node)
            self._edit(start, start + len(node.id), new)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        target = self._resolve(node)
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        bound = self._lookup(root.id)[1] if isinstance(root, ast.Name) else None
        whole = isinstance(bound, tuple) and bound[0] == "import" and "." not in bound[1]
        if target and target[0] == "module" and whole and target[1].startswith(f"{bound[1]}."):
            # `import a.b.c`, read as a.b.c
            self._edit(self._start(node), self._end(node), self.table.module(target[1]))
            return
        if target:
            end = self._end(node)
            self._edit(end - len(node.attr), end, self._new_last(target, node.attr))
        self.visit(node.value)

    def _define(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in node.decorator_list:
            self.visit(each)
        new = self.table.symbol(self.here, node.name) if len(self.scopes) == 1 else node.name
        if new != node.name:
            self._check(node.name, new, node)
            pattern = re.compile(r"(?:async\s+)?(?:class|def)\s+(\w+)")
            match = pattern.match(self.source, self._start(node))
            assert match
            self._edit(match.start(1), match.end(1), new)

    def _within(self, kind: str, found: Bindings, body: Iterable[ast.AST]) -> None:
        self.scopes.append((kind, found))
        for each in body:
            self.visit(each)
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._define(node)
        for each in (*node.bases, *node.keywords):
            self.visit(each)
        self._within("class", of_scope(node.body), node.body)

    def _arguments(self, arguments: ast.arguments) -> Bindings:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each]
        for each in every:
            self._annotation(each.annotation)
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default:
                self.visit(default)
        return {each.arg: DEFINED for each in every}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._define(node)
        found = self._arguments(node.args)
        self._annotation(node.returns)
        self._within("function", of_scope(node.body) | found, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._within("function", self._arguments(node.args), [node.body])

    def _comprehension(
        self, generators: Sequence[ast.comprehension], results: Sequence[ast.expr]
    ) -> None:
        first, *others = generators
        self.visit(first.iter)
        found: Bindings = {name: DEFINED for each in generators for name in stored(each.target)}
        inner: list[ast.AST] = [first.target, *first.ifs]
        for each in others:
            inner += [each.target, each.iter, *each.ifs]
        self._within("function", found, [*inner, *results])

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._comprehension(node.generators, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self.visit_ListComp(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.visit_ListComp(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node.generators, [node.key, node.value])

    def visit_Global(self, node: ast.Global) -> None:
        start, end = self._start(node), self._end(node)
        made = NAME.sub(lambda m: self.table.symbol(self.here, m[0]), self.source[start:end])
        self._edit(start, end, made)

    # Assignments, and what is quoted

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {each.id for each in node.targets if isinstance(each, ast.Name)}
        if "__all__" in names and len(self.scopes) == 1:
            self._quoted_below(node.value)
        for each in node.targets:
            self.visit(each)
        self._value(node.value, names)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self._annotation(node.annotation)
        if node.value:
            self._value(node.value, set(stored(node.target)))

    def _value(self, value: ast.expr, names: set[str]) -> None:
        """`Options = Options` in a class reads the module's name."""
        before = self.unbound
        self.unbound = names if self.scopes[-1][0] == "class" else before
        self.visit(value)
        self.unbound = before

    def _annotation(self, node: ast.expr | None) -> None:
        if node is not None:
            self._quoted_below(node)
            self.visit(node)

    def _quoted_below(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._quoted(node, node.value)
        is_literal = isinstance(node, ast.Subscript) and "Literal" in ast.dump(node.value)
        for each in () if is_literal else ast.iter_child_nodes(node):
            self._quoted_below(each)

    def _quoted(self, node: ast.Constant, text: str) -> None:
        start, end = self._start(node), self._end(node)
        if QUOTED.fullmatch(self.source[start:end]):
            for match in NAME.finditer(text):
                at = start + 1 + match.start()
                self._edit(at, at + len(match[0]), self.new_name(match[0]))

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        match node.args:
            case [ast.Constant(value=str(text)) as quoted, *_] if name == "cast" or name in NAMED:
                self._quoted(quoted, text)
            case [of, ast.Constant(value=str(text)) as named, *_] if name in BY_NAME:
                base = self._resolve(of)
                target = self.tree.resolve(base[1], text) if base and base[0] == "module" else None
                start = self._start(named) + 1
                self._edit(start, start + len(text), self._new_last(target, text))
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] in ROOTS:
                start = self._start(alias)
                self._edit(start, start + len(alias.name), self.table.module(alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module.split(".")[0] not in ROOTS:
            return
        wanted = [(*self._imported(module, alias, node), alias) for alias in node.names]
        parents = list(dict.fromkeys(parent for parent, _, _ in wanted))
        start = self._start(node)
        if len(parents) == 1:
            at = start + len("from ")
            self._edit(at, at + len(module), parents[0])
            for _, name, alias in wanted:
                at = self._start(alias)
                self._edit(at, at + len(alias.name), name)
            return
        end = self._end(node)
        if "#" in self.source[start:end]:
            self.problems.append(f"{self.path}:{node.lineno}: split the import by hand: a comment")
        made = []
        for parent in parents:
            names = [
                name + (f" as {alias.asname}" if alias.asname else "")
                for place, name, alias in wanted
                if place == parent
            ]
            made.append(f"from {parent} import ({', '.join(names)})")
        self._edit(start, end, f"\n{' ' * node.col_offset}".join(made))

    def _imported(self, module: str, alias: ast.alias, node: ast.ImportFrom) -> tuple[str, str]:
        """The new module and the new name of one imported name."""
        target = self.tree.resolve(module, alias.name)
        if target is None and alias.name not in self.tree.bindings.get(module, ()):
            self.problems.append(f"{self.path}:{node.lineno}: {module} has no {alias.name}")
        if target == ("module", f"{module}.{alias.name}"):
            parent, _, name = self.table.module(target[1]).rpartition(".")
            return parent, name
        name = self._new_last(target, alias.name)
        if name != alias.name and not alias.asname:
            self._check(alias.name, name, node)
        return self.table.module(module), name

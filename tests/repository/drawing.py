"""Draws the house into docs/architecture.md: `python -m tests.repository.drawing`.

The rooms come from the import graph, what each is for from its docstring, and the arrows are the
imports without those that other arrows imply: if the desk may use the web and the web the journal,
no arrow from the desk to the journal is needed to see who depends on whom.
"""

import ast
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("gateway", "drivers", "broadcast", "kiosk")
# From above to below; `drivers` stands beside the house.
FLOORS = {
    "roof": (
        *("cli", "demo", "station", "doctor", "check", "reconfigure"),
        *("enrol", "install", "replay", "scan", "config"),
    ),
    "wings": ("kiosk", "broadcast", "desk", "live", "setup"),
    "hall": ("rules", "upstream", "intake", "discovery", "web", "health", "access", "audit"),
    "ground": (
        *("journal", "api_client", "toml", "places", "texts", "signing", "logs", "schemas"),
        *("calendar", "tasks", "faults", "clock", "event", "errors", "disk", "entropy"),
        *("transitions", "systemd"),
    ),
    "apart": ("drivers",),
}

Graph = Mapping[str, frozenset[str]]


def room(module: str) -> str:
    """`gateway.web.sse` is in `web`, `drivers.bus.actor` in `drivers`; `gateway` is in none."""
    first, *rest = module.split(".")
    return (rest[0] if rest else "") if first == "gateway" else first


@cache
def imports() -> Graph:
    """Whom each room imports, itself left out."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found: dict[str, set[str]] = {}
    for importer in graph.modules:
        here = room(importer)
        there = {room(each) for each in graph.find_modules_directly_imported_by(importer)}
        found.setdefault(here, set()).update(there - {here, ""})
    return {name: frozenset(there) for name, there in found.items() if name}


def reached(graph: Graph, start: str) -> frozenset[str]:
    """Every room that can be come to from there."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return frozenset(seen)


def reduced(graph: Graph) -> Graph:
    """The same reach with the fewest arrows; unique, because no room reaches itself."""
    return {
        name: frozenset(
            there for there in near if not any(there in reached(graph, other) for other in near)
        )
        for name, near in graph.items()
    }


def drawing() -> str:
    """A Mermaid flowchart: a box a floor, in it the rooms, from above to below."""
    lines = ["flowchart TD"]
    for floor, names in FLOORS.items():
        lines += [f"    subgraph {floor}", *(f"        {name}" for name in names), "    end"]
    graph = reduced(imports())
    lines += [f"    {name} --> {there}" for name in sorted(graph) for there in sorted(graph[name])]
    return "\n".join([*lines, ""])


def purpose(name: str) -> str:
    """The first sentence of the room's docstring."""
    places = [ROOT / name if name in PACKAGES else ROOT / "gateway" / name]
    folder = next((each for each in places if each.is_dir()), None)
    file = ROOT / "gateway" / f"{name}.py" if folder is None else folder / "__init__.py"
    said = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def table() -> str:
    """The rooms by floor, and what each is for."""
    rows = [
        f"| {floor if name == names[0] else ''} | `{name}` | {purpose(name)} |"
        for floor, names in FLOORS.items()
        for name in names
    ]
    return "\n".join(["| floor | room | what it is for |", "|---|---|---|", *rows, ""])


# What of the page is made, and by what.
PARTS = {
    re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL): drawing,
    re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.DOTALL): table,
}


def main() -> int:
    """Put both into the page."""
    page = PAGE.read_text("utf-8")
    for place, made in PARTS.items():
        page = place.sub(lambda _, made=made: made(), page, count=1)  # type: ignore[misc]
    PAGE.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

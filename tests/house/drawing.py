"""Draws the rooms and who imports whom, from the import graph: `python -m tests.house.drawing`."""

import re
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
FENCE = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)
EVERYBODY = {"errors", "event", "texts"}
"""Imported by nearly every room; arrows to them would hide the others."""


def room(module: str) -> str:
    """`gateway.web.sse` is in `web`, `drivers.bus.actor` in `drivers`."""
    parts = module.split(".")
    return "drivers" if parts[0] == "drivers" else (parts[1] if len(parts) > 1 else "gateway")


def drawing() -> str:
    """A Mermaid flowchart."""
    graph = grimp.build_graph("gateway", "drivers", cache_dir=None)
    edges = {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    shown = sorted(
        (a, b) for a, b in edges if a != b and b not in EVERYBODY and "gateway" not in (a, b)
    )
    return "\n".join(["flowchart TD", *(f"    {a} --> {b}" for a, b in shown), ""])


def main() -> int:
    """Put the drawing into the page."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(FENCE.sub(lambda _: drawing(), page, count=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

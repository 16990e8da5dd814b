"""The ready rules as the table of `docs/alarms.md`: `python -m tests.rules.table` prints it."""

from pathlib import Path
from typing import Any

from tests.rules.player import shelf

DOCS = Path(__file__).parents[2] / "docs" / "alarms.md"


def table() -> str:
    lines = ["| rule | what | severity | set | rests on |", "|---|---|---|---|---|"]
    for recipe in shelf().values():
        given = " ".join(_set(key, value) for key, value in recipe.set.items())
        source = recipe.source
        rests = "ours, to be judged" if source is None else f"[{source.document}]({source.url})"
        name = f"{recipe.name.en} {recipe.name.zh}"
        cells = (f"`{recipe.id}`", name, recipe.severity.value, given, rests)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _set(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_set(f"{key}.{inner}", each) for inner, each in value.items())
    return f"`{key} = {value}`"


if __name__ == "__main__":
    print(table())

"""The mistakes of a settings file in the format of a compiler."""

from collections.abc import Sequence

from gateway.texts import Texts
from gateway.toml import Mistake


def mistakes_text(mistakes: Sequence[Mistake], texts: Texts) -> str:
    """The mistakes, each with its line and remedy, and how many there are."""
    count = texts.say("settings.wrong", count=len(mistakes))
    return "\n".join([*(_line(mistake, texts) for mistake in mistakes), "", count])


def _line(mistake: Mistake, texts: Texts) -> str:
    where = mistake.file + (f":{mistake.line}" if mistake.line else "")
    key = f"{mistake.path}: " if mistake.path else ""
    remedy = texts.remedy(mistake.code, **mistake.data)
    said = f"{where}: {key}{texts.say(mistake.code, **mistake.data)}"
    return said if remedy is None else f"{said}\n    → {remedy}"

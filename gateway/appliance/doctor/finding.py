"""What the doctor says: one line about one thing, the same for a terminal, a page and the feed."""

import enum
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

# The groups of checks in the order in which they are shown, with their titles.
GROUPS = {
    "station": "doctor.group-station",
    "machine": "doctor.group-machine",
    "storage": "doctor.group-storage",
    "clock": "doctor.group-clock",
    "field": "doctor.group-field",
    "sound": "doctor.group-sound",
    "kiosk": "doctor.group-kiosk",
    "platform": "doctor.group-platform",
    "desk": "doctor.group-desk",
}


class Level(enum.Enum):
    """How it is, best first; `unseen` says that it could not be looked at."""

    GOOD = "good"
    UNSEEN = "unseen"
    WARN = "warn"
    BAD = "bad"

    @property
    def rank(self) -> int:
        """The worse, the higher."""
        return _RANK[self]


_RANK = {level: rank for rank, level in enumerate(Level)}


class Said(NamedTuple):
    """What a check finds; `subject` is the one of several things of its kind that it is about."""

    level: Level
    code: str
    subject: str
    data: dict[str, Any]


def good(code: str, subject: str = "", /, **data: Any) -> Said:
    """Nothing to do."""
    return Said(Level.GOOD, code, subject, data)


def unseen(code: str, subject: str = "", /, **data: Any) -> Said:
    """It could not be looked at; the text says why."""
    return Said(Level.UNSEEN, code, subject, data)


def warn(code: str, subject: str = "", /, **data: Any) -> Said:
    """It works, and somebody should look in the next days."""
    return Said(Level.WARN, code, subject, data)


def bad(code: str, subject: str = "", /, **data: Any) -> Said:
    """It does not work, or will not for long."""
    return Said(Level.BAD, code, subject, data)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the text is that of `code` filled with `data`, the remedy that of `<code>-remedy`.

    `check` with `subject` says what it is about and never changes; the rest is how that is now.
    """

    check: str
    group: str
    level: Level
    code: str
    subject: str = ""
    data: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """What it is about, in one word."""
        return f"{self.check}.{self.subject}" if self.subject else self.check


def worst(findings: Iterable[Finding]) -> Level:
    """How all of it is; what could not be looked at is no fault."""
    levels = (finding.level for finding in findings if finding.level is not Level.UNSEEN)
    return max(levels, key=lambda level: level.rank, default=Level.GOOD)

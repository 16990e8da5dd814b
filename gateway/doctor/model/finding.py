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


class FindingLevel(enum.Enum):
    """How it is, best first; `unseen` says that it could not be looked at."""

    GOOD = "good"
    UNSEEN = "unseen"
    WARN = "warn"
    BAD = "bad"

    @property
    def rank(self) -> int:
        """The worse, the higher."""
        return _RANK[self]


_RANK = {level: rank for rank, level in enumerate(FindingLevel)}


class CheckResult(NamedTuple):
    """What a check finds; `subject` is the one of several things of its kind that it is about."""

    level: FindingLevel
    code: str
    subject: str
    data: dict[str, Any]


def good(code: str, subject: str = "", /, **data: Any) -> CheckResult:
    """Nothing to do."""
    return CheckResult(FindingLevel.GOOD, code, subject, data)


def unseen(code: str, subject: str = "", /, **data: Any) -> CheckResult:
    """It could not be looked at; the text says why."""
    return CheckResult(FindingLevel.UNSEEN, code, subject, data)


def warn(code: str, subject: str = "", /, **data: Any) -> CheckResult:
    """It works, and somebody should look in the next days."""
    return CheckResult(FindingLevel.WARN, code, subject, data)


def bad(code: str, subject: str = "", /, **data: Any) -> CheckResult:
    """It does not work, or will not for long."""
    return CheckResult(FindingLevel.BAD, code, subject, data)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the text is that of `code` filled with `data`, the remedy that of `<code>-remedy`.

    `check` with `subject` says what it is about and never changes; the rest is how that is now.
    """

    check: str
    group: str
    level: FindingLevel
    code: str
    subject: str = ""
    data: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """What it is about, in one word."""
        return f"{self.check}.{self.subject}" if self.subject else self.check


def worst(findings: Iterable[Finding]) -> FindingLevel:
    """How all of it is; what could not be looked at is no fault."""
    levels = (finding.level for finding in findings if finding.level is not FindingLevel.UNSEEN)
    return max(levels, key=lambda level: level.rank, default=FindingLevel.GOOD)

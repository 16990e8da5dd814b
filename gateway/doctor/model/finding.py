"""Findings: one statement about one thing, the same for terminal, page and feed."""

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
    """Best first; `unseen`: it could not be looked at."""

    GOOD = "good"
    UNSEEN = "unseen"
    WARN = "warn"
    BAD = "bad"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return _RANK[self]


_RANK = {level: rank for rank, level in enumerate(FindingLevel)}


class CheckResult(NamedTuple):
    """The result of a check; `subject` names one of several things of its kind."""

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
    """It works, but needs attention within days."""
    return CheckResult(FindingLevel.WARN, code, subject, data)


def bad(code: str, subject: str = "", /, **data: Any) -> CheckResult:
    """It does not work, or will soon fail."""
    return CheckResult(FindingLevel.BAD, code, subject, data)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One statement: the text of `code` filled with `data`; the remedy is `<code>-remedy`.

    `check` and `subject` identify it and never change; the rest is its present state.
    """

    check: str
    group: str
    level: FindingLevel
    code: str
    subject: str = ""
    data: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Its identity as one word."""
        return f"{self.check}.{self.subject}" if self.subject else self.check


def worst(findings: Iterable[Finding]) -> FindingLevel:
    """The worst level; `unseen` counts as good."""
    levels = (finding.level for finding in findings if finding.level is not FindingLevel.UNSEEN)
    return max(levels, key=lambda level: level.rank, default=FindingLevel.GOOD)

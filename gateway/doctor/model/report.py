"""The findings as text and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.doctor.model.finding import GROUPS, Finding, FindingLevel, worst
from gateway.doctor.model.finding_text import finding_text
from gateway.texts import Texts

SIGNS = {
    FindingLevel.GOOD: "✓",
    FindingLevel.UNSEEN: "·",
    FindingLevel.WARN: "!",
    FindingLevel.BAD: "✗",
}


def report(findings: Sequence[Finding], texts: Texts) -> str:
    """All findings by group, and the totals."""
    blocks = ["\n".join(_group(group, findings, texts)) for group in GROUPS]
    return "\n\n".join([*filter(None, blocks), summary(findings, texts)])


def _group(group: str, findings: Sequence[Finding], texts: Texts) -> Iterator[str]:
    mine = [finding for finding in findings if finding.group == group]
    if mine:
        yield texts.say(GROUPS[group])
    for finding in mine:
        said = finding_text(finding, texts)
        yield f"  {SIGNS[finding.level]} {_printable(said.text)}"
        if said.remedy:
            yield f"    → {_printable(said.remedy)}"


def summary(findings: Sequence[Finding], texts: Texts) -> str:
    """The totals in one line."""
    counts = {level.value: sum(f.level is level for f in findings) for level in FindingLevel}
    return texts.say(f"doctor.sum-{worst(findings).value}", **counts)


def as_json(findings: Sequence[Finding], texts: Texts) -> dict[str, Any]:
    """Codes and data for programs, with the texts beside them."""
    lines = []
    for finding in findings:
        said = finding_text(finding, texts)
        plain = msgspec.to_builtins(finding)
        lines.append({**plain, "message": said.text, "remedy": said.remedy or None})
    level = worst(findings)
    return {"ok": level is not FindingLevel.BAD, "level": level.value, "findings": lines}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)

"""Ready rules: a recipe is a TOML file in `config/rules/`, never a Python file.

```toml
schema = 1
id = "leak-at-night"               # the file's name without .toml
name = { zh = "夜间漏水", en = "Leak at night" }
kind = "threshold"                 # a name of gateway/rules/kinds
severity = "major"                 # critical, major, minor, notice
unit = "m3/h"                      # what the limits are in; the point must measure that (or one)
latch = true                       # stays until somebody has seen it
attend = false                     # calls on until somebody has come, not only taken it
private = false                    # no public loudspeaker names the place
life_safety = false                # whoever silences it is asked twice
needs = ["above"]                  # what a station must set itself
basis = "why these numbers"
advice = { zh = "先关总阀", en = "Close the main valve first" }

[set]                              # what `set` in station.toml may replace
above = "0.05 m3/h"
```
"""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import UsageError
from gateway.event import Severity
from gateway.rules import confirmation
from gateway.rules.kinds import KINDS, RuleKind

SCHEMA = 1


class TemplateText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str

    def text(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class TemplateSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source of a template's numbers: a public document, and its rows."""

    document: str
    url: str
    rows: tuple[str, ...]


class RuleTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ready rule.

    `roles` names the points that a combination joins, for `on = { role = "device.point" }`.
    `advice` is what to do first. `attend`: it keeps calling until a person has come. `private`:
    its place concerns staff only. `life_safety`: a life may depend on it. Numbers without a
    `source` are our starting points, for the installer to judge.
    """

    schema: int
    id: str
    name: TemplateText
    kind: str
    severity: Severity
    basis: str
    advice: TemplateText | None = None
    source: TemplateSource | None = None
    unit: str | tuple[str, ...] | None = None
    latch: bool | None = None
    attend: bool = False
    private: bool = False
    life_safety: bool = False
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    set: dict[str, Any] = {}

    @property
    def units(self) -> tuple[str, ...]:
        """What its point may measure; empty: anything."""
        if self.unit is None:
            return ()
        return (self.unit,) if isinstance(self.unit, str) else self.unit

    @property
    def rule_kind(self) -> RuleKind:
        """The kind of rule that it uses."""
        return KINDS[self.kind]

    def latches(self, severity: Severity) -> bool:
        """Whether a returned alarm of that severity waits for a person, as the grave ones do."""
        if self.latch is None:
            return severity in {Severity.CRITICAL, Severity.MAJOR}
        return self.latch

    def merged(self, given: dict[str, Any]) -> dict[str, Any]:
        """The template's settings with a station's own; tables are merged key by key."""
        return _merged(self.set, given)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = base.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]  # just looked
    return merged


def option_shapes(kind: RuleKind) -> tuple[type[msgspec.Struct], ...]:
    """The structs that share a rule's `set`."""
    return (confirmation.ConfirmationOptions, kind.options)


def load_template(path: Path) -> RuleTemplate:
    """The template in that file; UsageError says what is wrong with it."""
    try:
        recipe = msgspec.convert(tomllib.loads(path.read_text("utf-8")), RuleTemplate)
    except (OSError, ValueError) as error:
        reason = str(error)
        raise UsageError("rules.bad-recipe", recipe=path.stem, reason=reason) from error
    for wrong, reason in (
        (recipe.schema != SCHEMA, f"schema {recipe.schema}"),
        (recipe.id != path.stem, f"id {recipe.id}"),
        (recipe.kind not in KINDS, f"kind {recipe.kind}"),
    ):
        if wrong:
            raise UsageError("rules.bad-recipe", recipe=path.stem, reason=reason)
    return recipe


def load_templates(folder: Path) -> dict[str, RuleTemplate]:
    return {path.stem: load_template(path) for path in sorted(folder.glob("*.toml"))}

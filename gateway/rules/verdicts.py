"""What people found alarms to be, real or false, counted for each rule. No I/O."""

from collections.abc import Mapping

import msgspec

# Alarms of a rule whose verdict may still be changed.
REMEMBERED_MAX = 50


class VerdictTally(msgspec.Struct, frozen=True):
    """How many alarms of a rule were real and how many false; the latest by id."""

    real: int = 0
    unreal: int = 0
    latest: tuple[tuple[str, bool], ...] = ()

    def with_one(self, alarm: str, *, real: bool) -> "VerdictTally":
        """With that verdict; a changed verdict is not counted twice."""
        before = dict(self.latest)
        was = before.pop(alarm, None)
        latest = (*before.items(), (alarm, real))[-REMEMBERED_MAX:]
        return VerdictTally(
            self.real + real - (was is True),
            self.unreal + (not real) - (was is False),
            latest,
        )


class AlarmVerdicts:
    """The tallies by rule; `changed` are those whose state is to be stored."""

    def __init__(self) -> None:
        self.of_rule: dict[str, VerdictTally] = {}
        self.changed: set[str] = set()

    def restore(self, tallies: Mapping[str, VerdictTally], rules: set[str]) -> None:
        """Take over the tallies; those of rules that no longer exist are to be deleted."""
        self.of_rule = {rule: tally for rule, tally in tallies.items() if rule in rules}
        self.changed |= tallies.keys() - rules

    def judge(self, rule: str, alarm: str, *, real: bool) -> None:
        """Record a person's verdict."""
        self.of_rule[rule] = self.of_rule.get(rule, VerdictTally()).with_one(alarm, real=real)
        self.changed.add(rule)

"""What people found alarms to be, real or false, counted for each rule. No I/O."""

from collections.abc import Mapping

import msgspec

# So many of a rule's alarms may still be judged otherwise.
REMEMBERED_MAX = 50


class Tally(msgspec.Struct, frozen=True):
    """How many alarms of a rule were real and how many false; the latest by their ids."""

    real: int = 0
    unreal: int = 0
    latest: tuple[tuple[str, bool], ...] = ()

    def with_one(self, alarm: str, *, real: bool) -> "Tally":
        """With that alarm judged so; a word that is changed is not counted twice."""
        before = dict(self.latest)
        was = before.pop(alarm, None)
        latest = (*before.items(), (alarm, real))[-REMEMBERED_MAX:]
        return Tally(
            self.real + real - (was is True),
            self.unreal + (not real) - (was is False),
            latest,
        )


class Verdicts:
    """The tallies by rule; `changed` are those whose state is to be kept."""

    def __init__(self) -> None:
        """Nobody has judged anything."""
        self.of_rule: dict[str, Tally] = {}
        self.changed: set[str] = set()

    def restore(self, tallies: Mapping[str, Tally], rules: set[str]) -> None:
        """Take back what was counted; what is of no rule any more is to be forgotten."""
        self.of_rule = {rule: tally for rule, tally in tallies.items() if rule in rules}
        self.changed |= tallies.keys() - rules

    def judge(self, rule: str, alarm: str, *, real: bool) -> None:
        """Somebody says what the alarm was."""
        self.of_rule[rule] = self.of_rule.get(rule, Tally()).with_one(alarm, real=real)
        self.changed.add(rule)

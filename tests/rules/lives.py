"""A station's alarms under one seed: presses, people, kills and power cuts over the real core.

The judge reads the feed alone: what was committed, as a platform has it.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from drivers.contract import Quality, Reading
from gateway.errors import StationError
from gateway.rules.alarms import COMES_NS, AlarmChange
from gateway.rules.core import RulesCore, RulesHead, RulesOutcome, RulesPlan
from gateway.rules.kinds import PointInfo, RuleInstant, S
from gateway.rules.rule import PointContext
from tests.rules.player import plan

STEP_S = 5
ACTIVE_S = 3600
# Nothing is done any more: whoever was to be called has been, or is said not to be there.
CALM_S = 3600

SENSORS = ("smoke", "sos", "door", "fence", "lamp")
BRIEF = ("sos",)
SCENARIO = {
    "rule": {
        "smoke": {"use": "smoke", "on": ["di.smoke"]},
        "sos": {"use": "sos", "on": ["di.sos"]},
        "door": {"use": "contact-active", "on": ["di.door"], "severity": "critical"},
        "fence": {"use": "perimeter-broken", "on": ["di.fence"]},
        "lamp": {"use": "contact-active", "on": ["di.lamp"]},
    },
    "duty": {
        "roster": [{"who": "duty", "by": ["desk", "hall"]}, {"who": "manager", "by": ["platform"]}],
        "escalate": [
            {"after_s": 30, "to": "duty"},
            {"after_s": 90, "to": "manager", "least": "critical"},
        ],
    },
    "linkage": {"smoke": {"when": "smoke", "do": [{"call": "desk"}]}},
}


def look(word: str) -> PointContext:
    """A point of the one contact module in the hall."""
    device, _, point = word.partition(".")
    told = PointInfo("1", 1.0, brief=point in BRIEF)
    scopes = frozenset({device, "hall"})
    return PointContext((device, point), told, "hall", "大厅", point, scopes, "hall", "hall", point)


PLAN = plan(SCENARIO, look=look)


class Told(NamedTuple):
    """One committed event."""

    what: str
    alarm: str
    rule: str
    state: str
    on: bool
    fresh: bool


class Found(NamedTuple):
    """What one life came to; `wrong` is empty where every promise was kept."""

    seed: int
    wrong: list[str]
    raised: int
    unreached: int
    restarts: int


class Life:
    """One seed's hours."""

    def __init__(self, seed: int, facts: RulesPlan = PLAN) -> None:
        self.seed, self.chance, self.plan = seed, random.Random(seed), facts
        self.now_ns, self.offset_ns, self.boots, self.restarts = 1_000 * S, 0, 1, 0
        self.kept: dict[str, bytes] = {}
        self.head = RulesHead(boot="boot-1", at_ns=self.now_ns, lived_ns=self.now_ns)
        self.feed: list[Told] = []
        self.pending: list[RulesOutcome] = []
        self.active = dict.fromkeys(SENSORS, False)
        self.wall = True
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.take(self.core.start(self.moment()))

    def moment(self) -> RuleInstant:
        wall_ns = 1_790_000_000 * S + self.now_ns if self.wall else None
        return RuleInstant(self.now_ns + self.offset_ns, wall_ns)

    def take(self, outcome: RulesOutcome) -> None:
        """It waits for the disk, which is slow now and then; its tasks are done at once."""
        if not outcome.empty:
            self.pending.append(outcome)
        for task in outcome.tasks:
            self.take(self.core.finish_task(task, "done"))
        if self.chance.random() < 0.8:
            self.commit()

    def commit(self) -> None:
        """Everything that waits, in its order, with the head."""
        for outcome in self.pending:
            for key, body in outcome.keep.items():
                if body is None:
                    self.kept.pop(key, None)
                else:
                    self.kept[key] = body
            for one in outcome.records:
                if isinstance(one, AlarmChange):
                    alarm = one.alarm
                    self.feed.append(
                        Told(one.what, alarm.id, one.facts.rule, alarm.state.value, alarm.on,
                             one.fresh)
                    )  # fmt: skip
        if self.pending:
            boot = f"boot-{self.boots}"
            self.head = self.core.head(self.moment(), boot, self.now_ns)
        self.pending = []

    def again(self, *, cut: bool) -> None:
        """Killed, with the power or without it, and started some seconds later."""
        self.pending = []
        self.restarts += 1
        self.now_ns += self.chance.randrange(2, 120) * S
        self.boots += cut
        boot = f"boot-{self.boots}"
        since_ns = self.head.at_ns if self.head.boot == boot else self.now_ns
        self.offset_ns = self.head.lived_ns - since_ns
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.core.restore(self.kept, self.head, boot=boot)
        self.wall = self.chance.random() < 0.8
        self.take(self.core.start(self.moment()))

    def step(self) -> None:
        """Five seconds: every sensor is read, and time passes."""
        self.now_ns += STEP_S * S
        readings = [
            Reading("di", point, value, "1", Quality.GOOD, self.now_ns)
            for point, value in self.active.items()
        ]
        self.take(self.core.read(readings, self.moment()))
        self.take(self.core.tick(self.moment()))

    def befall(self) -> None:
        """Something happens, or nothing."""
        chance = self.chance.random()
        sensor = self.chance.choice(SENSORS)
        if chance < 0.06:
            self.active[sensor] = not self.active[sensor]
        elif chance < 0.08:
            self.again(cut=self.chance.random() < 0.4)
        elif chance < 0.12:
            self.do(sensor)

    def do(self, rule: str) -> None:
        """Somebody does something that may not be possible now."""
        acts = {
            "ack": lambda a, _: a.acknowledge(rule, "li"),
            "come": lambda a, _: a.attend(rule, "li"),
            "shelve": lambda a, now: a.shelve(rule, 600, "li", now, note="探头在换"),
            "unshelve": lambda a, now: a.unshelve(rule, "li", now),
            "work": lambda a, now: a.maintain(self.chance.choice((rule, "hall")), 300, "li", now),
        }
        act, moment = acts[self.chance.choice(list(acts))], self.moment()
        try:
            self.take(self.core.apply_action(lambda alarms: act(alarms, moment), moment))
        except StationError:
            return

    def live(self) -> Found:
        """An hour of everything, and one in which nothing is done any more."""
        for _ in range(ACTIVE_S // STEP_S):
            self.befall()
            self.step()
        for _ in range((CALM_S + COMES_NS // S) // STEP_S):
            self.step()
        self.commit()
        return Found(
            self.seed,
            list(self.wrong()),
            sum(one.what == "raised" for one in self.feed),
            sum(one.what == "unreached" for one in self.feed),
            self.restarts,
        )

    def wrong(self) -> Iterator[str]:
        """What the feed does not say of what is so."""
        standing: dict[str, list[Told]] = {}
        for one in self.feed:
            standing.setdefault(one.alarm, []).append(one)
        ids = {turns[0].rule: alarm for alarm, turns in standing.items()
               if turns[-1].what != "cleared"}  # fmt: skip
        for alarm, turns in standing.items():
            if turns[-1].what != "cleared" and _owed(turns):
                yield f"{alarm} of {turns[0].rule} reached nobody, and nobody was told so"
            if _uncalled(turns):
                yield f"{alarm} of {turns[0].rule} is said to have reached nobody, uncalled"
        for rule, active in self.active.items():
            if active and rule not in ids:
                yield f"{rule} holds, and no alarm stands"
            if not active and rule in ids and standing[ids[rule]][-1].on:
                yield f"{rule} has gone, and its alarm does not say so: {standing[ids[rule]][-1]}"


def _owed(turns: list[Told]) -> bool:
    """Whether somebody must still be told that nobody has answered."""
    owed = silent = False
    for one in turns:
        if one.what == "raised" and (one.fresh or silent):
            owed, silent = one.rule != "lamp", False  # no step concerns what is minor
        elif one.what == "acknowledged":
            owed = one.rule == "sos"  # somebody is on the way
        elif one.what in {"attended", "unreached"}:
            owed = False
        elif one.what in {"shelved", "suppressed"}:
            owed, silent = False, True
    return owed


def _uncalled(turns: list[Told]) -> bool:
    """Whether it is said to have reached nobody although nobody was called."""
    called = False
    for one in turns:
        if one.what == "unreached" and not called:
            return True
        anew = one.what == "acknowledged" or (one.what == "raised" and one.fresh)
        called = one.what == "escalated" or (called and not anew)
    return False

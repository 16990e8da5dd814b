"""A station of sixty devices for a year: daily life, noise, glitches, and incidents planted in it.

Everything comes from one seed. A sensor says what it says through daily life; an incident takes it
over from its first second to its last. Beside that: bad readings, spikes, gaps, restarts.
"""

import heapq
import random
from collections.abc import Iterator
from typing import NamedTuple

from drivers.contract import Quality, Reading
from gateway.rules.alarms import AlarmChange
from gateway.rules.core import RulesCore, RulesOutcome
from gateway.rules.kinds import PointInfo, RuleInstant, S
from gateway.rules.rule import WHOLE, PointContext
from tests.rules import player

DAY_S = 86_400
BAD_SHARE, SPIKE_SHARE, GAPS_A_YEAR = 0.002, 0.0003, 12
RESTARTS_A_YEAR = 52
# No deviation from what is usual is planted before it can be known.
LEARN_DAYS = 14


class Sort(NamedTuple):
    """One sort of sensor: how many there are, and what its rule needs and bears.

    `within_s` is how soon after its start an incident must be an alarm, `lasts_s` how long it is.
    """

    device: str
    count: int
    point: str
    unit: str
    every_s: int
    use: str
    settings: dict
    within_s: float
    lasts_s: float
    counter: bool = False


HOUR = 3600
SORTS = (
    Sort("water", 14, "volume", "m3", 300, "leak-at-night", {}, 28 * HOUR, 36 * HOUR, counter=True),
    Sort("flat", 6, "volume", "m3", 300, "no-water-used", {}, 14 * HOUR, 20 * HOUR, counter=True),
    Sort("em", 10, "power", "W", 300, "unusual-use", {}, 2 * HOUR, 4 * HOUR),
    Sort("tr", 4, "power", "W", 300, "transformer-overload", {"above": "315 kW"}, 1800, 2 * HOUR),
    Sort("heat", 5, "room", "Cel", 600, "heat-below-standard", {}, 3 * HOUR, 8 * HOUR),
    Sort("gas", 4, "level", "%", 300, "gas-over-limit", {}, 700, 1800),
    Sort("bin", 6, "level", "%", 600, "bin-full", {}, 2 * HOUR, 6 * HOUR),
    Sort("vend", 3, "tds", "mg/L", 300, "tds-over-limit", {}, 1800, 3 * HOUR),
    Sort("cover", 3, "tilt", "deg", 300, "manhole-tilted", {}, 700, 2 * HOUR),
    Sort("smoke", 5, "alarm", "1", 300, "smoke", {}, 5, 900),
)  # fmt: skip
# Four of the slowest periods, and an answer that was lost before them.
SILENT_WITHIN_S = 3600


class Incident(NamedTuple):
    """Something that really happens; `rule` must say so between its start and the bound."""

    sensor: str
    rule: str
    start_s: float
    end_s: float
    by_s: float


class Sensor:
    """One point of one device, and its own life."""

    def __init__(self, name: str, sort: Sort, rng: random.Random) -> None:
        self.name, self.sort, self.rng = name, sort, rng
        self.incidents: list[Incident] = []
        self.gaps: list[tuple[float, float]] = []
        self.total = rng.uniform(50, 900)
        self.scale = rng.uniform(0.7, 1.4)

    def now(self, at_s: float) -> Incident | None:
        while self.incidents and self.incidents[0].end_s <= at_s:
            self.incidents.pop(0)
        first = self.incidents[0] if self.incidents else None
        return first if first is not None and first.start_s <= at_s else None

    def silent(self, at_s: float, incident: Incident | None) -> bool:
        while self.gaps and self.gaps[0][1] <= at_s:
            self.gaps.pop(0)
        if incident is not None and incident.rule.startswith("silent-"):
            return True
        return bool(self.gaps) and self.gaps[0][0] <= at_s

    def value(self, at_s: float, incident: Incident | None) -> float | bool:
        wrong = incident is not None and not incident.rule.startswith("silent-")
        if self.sort.counter:
            return self._counted(at_s, wrong=wrong)
        if self.sort.device == "smoke":
            return wrong
        usual, odd = self._levels(at_s)
        value = odd if wrong else usual
        if self.rng.random() < SPIKE_SHARE:
            value *= self.rng.choice((0.2, 3.0))
        return round(value, 2)

    def _counted(self, at_s: float, *, wrong: bool) -> float:
        hour = at_s % DAY_S / HOUR
        if self.sort.device == "flat":  # somebody lives alone, and sleeps
            rate = 0.0 if wrong or hour < 6 or hour > 23 else 0.015
        else:  # a building rests from one to five
            rate = 0.0 if 1 <= hour < 5 else 0.9
            rate += 0.15 if wrong else 0.0
        used = rate * self.scale * self.sort.every_s / HOUR
        if used and (self.sort.device == "water" or self.rng.random() < 0.3):
            self.total += (
                used * self.rng.uniform(0.5, 1.5) * (3 if self.sort.device == "flat" else 1)
            )
        return round(self.total, 3)

    def _levels(self, at_s: float) -> tuple[float, float]:
        hour = at_s % DAY_S / HOUR
        peak = 3.0 if 18 <= hour < 23 else 1.8 if 7 <= hour < 9 else 1.0
        return LEVELS[self.sort.device](self.rng.uniform, self.scale, hour, peak)


# What a sensor reads in daily life, and in an incident; a bin is filled till midnight.
LEVELS = {
    "em": lambda u, scale, _, peak: (4000 * scale * peak * u(0.9, 1.1), 40_000 * scale),
    "tr": lambda u, _, __, peak: (80e3 * peak * u(0.9, 1.1), 340e3 * u(0.99, 1.02)),
    "heat": lambda u, *_: (20.5 + u(-0.8, 0.8), 15.5 + u(-0.5, 0.5)),
    "gas": lambda u, *_: (u(0, 1.5), u(14, 22)),
    "bin": lambda u, _, hour, __: (5 + 65 * hour / 24 * u(0.95, 1.05), u(86, 97)),
    "vend": lambda u, *_: (18 * u(0.8, 1.2), 110 * u(0.9, 1.1)),
    "cover": lambda u, *_: (u(0, 3), u(28, 40)),
}


class Year:
    """`days` of it; `run` gives what was raised, and `planted` what should have been."""

    def __init__(self, seed: int, days: int, one_in: int = 1) -> None:
        """`one_in`: of so many sensors of each sort only one."""
        self.rng = random.Random(seed)
        self.days = days
        self.sensors = [
            Sensor(f"{sort.device}-{number}", sort, random.Random(f"{seed}/{sort.device}/{number}"))
            for sort in SORTS
            for number in range(1, sort.count + 1, one_in)
        ]
        self.planted: list[Incident] = []
        for sensor in self.sensors:
            self._plant(sensor)
        self.readings = 0
        self.restarts = 0

    def _plant(self, sensor: Sensor) -> None:
        """About one incident a month for each sensor; every fifth is that its device dies."""
        sort, at_s = sensor.sort, LEARN_DAYS * DAY_S * self.rng.uniform(1.0, 1.6)
        while at_s < self.days * DAY_S - 3 * DAY_S:
            dies = self.rng.random() < 0.2
            lasts_s = 6 * HOUR if dies else sort.lasts_s
            rule = f"silent-{sensor.name}" if dies else sensor.name
            by_s = at_s + (SILENT_WITHIN_S if dies else sort.within_s)
            sensor.incidents.append(Incident(sensor.name, rule, at_s, at_s + lasts_s, by_s))
            at_s += lasts_s + self.rng.uniform(5, 50) * DAY_S
        self.planted += sensor.incidents
        for _ in range(round(GAPS_A_YEAR * self.days / 365)):
            start = self.rng.uniform(0, self.days * DAY_S)
            sensor.gaps.append((start, start + self.rng.uniform(60, 500)))
        sensor.gaps.sort()

    def scenario(self) -> dict:
        """The rules: each sensor's own, and one that hears whether it lives."""
        rules = {}
        for sensor in self.sensors:
            sort = sensor.sort
            own = dict(sort.settings)
            if sort.device == "heat":
                own["season"] = "01-01..12-31"
            rules[sensor.name] = {
                "use": sort.use,
                "on": [f"{sensor.name}.{sort.point}"],
                "set": own,
            }
            rules[f"silent-{sensor.name}"] = {"use": "device-silent", "on": [sensor.name]}
        return {"rule": rules}

    def look(self, word: str) -> PointContext:
        name, _, point = word.partition(".")
        sort = next(sensor.sort for sensor in self.sensors if sensor.name == name)
        if not point:
            return PointContext(
                (name, WHOLE), PointInfo("1", sort.every_s), scopes=frozenset({name})
            )
        known = PointInfo(sort.unit, sort.every_s, sort.counter)
        return PointContext((name, point), known, scopes=frozenset({name}))

    def heard(self) -> Iterator[tuple[float, Reading]]:
        """All readings in the order of time; a smoke sensor also speaks when it changes."""
        heap: list[tuple[float, int, bool]] = [
            (self.rng.uniform(0, sensor.sort.every_s), number, True)
            for number, sensor in enumerate(self.sensors)
        ]
        for number, sensor in enumerate(self.sensors):
            if sensor.sort.device == "smoke":
                starts = [one.start_s for one in sensor.incidents]
                heap += [(at + more, number, False) for at in starts for more in (0, 1, 2)]
        heapq.heapify(heap)
        while heap:
            at_s, number, regular = heapq.heappop(heap)
            if at_s >= self.days * DAY_S:
                continue
            sensor = self.sensors[number]
            if regular:
                heapq.heappush(heap, (at_s + sensor.sort.every_s, number, True))
            incident = sensor.now(at_s)
            if sensor.silent(at_s, incident):
                continue
            poor = sensor.rng.random() < BAD_SHARE
            quality = Quality.CRC if poor else Quality.GOOD
            value = None if poor else sensor.value(at_s, incident)
            self.readings += 1
            yield at_s, Reading(sensor.name, sensor.sort.point, value, sensor.sort.unit, quality, 0)

    def run(self) -> list[tuple[float, str]]:
        """(second, rule) of every alarm that was raised; each is acknowledged within the hour."""
        made = player.plan(self.scenario(), look=self.look)
        core, kept, raised = RulesCore(made, "year"), {}, []
        owed: list[tuple[float, str]] = []
        cuts = sorted(
            self.rng.uniform(0, self.days * DAY_S)
            for _ in range(round(RESTARTS_A_YEAR * self.days / 365))
        )

        def take(outcome: RulesOutcome, at_s: float) -> None:
            for key, body in outcome.keep.items():
                kept.pop(key, None) if body is None else kept.update({key: body})
            for record in outcome.records:
                if isinstance(record, AlarmChange) and record.what == "raised":
                    raised.append((at_s, record.facts.rule))
                    heapq.heappush(owed, (at_s + HOUR, record.alarm.watch))

        take(core.start(_moment(0)), 0)
        for at_s, reading in self.heard():
            moment = _moment(at_s)
            if cuts and cuts[0] <= at_s:
                cuts.pop(0)
                self.restarts += 1
                kept.update(core.checkpoint())
                head = core.head(moment, "boot", 0)
                core = RulesCore(made, "year")
                core.restore(kept, head, boot="boot")
                take(core.start(moment), at_s)
            take(core.tick(moment), at_s)
            take(core.read([reading], moment), at_s)
            while owed and owed[0][0] <= at_s:
                _acknowledge(core, heapq.heappop(owed)[1], moment, take, at_s)
        return raised


def _acknowledge(core, watch, moment, take, at_s) -> None:
    alarm = core.alarms.book.open.get(watch)
    if alarm is not None and alarm.state.value in {"raised", "returned"}:
        take(core.apply_action(lambda a: a.acknowledge(watch, "desk"), moment), at_s)


def _moment(at_s: float) -> RuleInstant:
    return RuleInstant(round(at_s * S), player.NEW_YEAR_NS + round(at_s * S))

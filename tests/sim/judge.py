"""The independent judge: it knows the truth of the world and reads only what leaves the station."""

import json
from collections import Counter
from typing import Any

from tests.sim.alarms import LineAlarms
from tests.sim.commands import WRITTEN_AT, CommandJudge
from tests.sim.field import last_true_s
from tests.sim.plan import Meter
from tests.sim.platform import SimulatedPlatform
from tests.sim.world import World

READY_WITHIN_S = 10.0
# A value is no older than the longest that one question and its answer take.
TRANSACTION_S = 15.0

# Once all is well, every meter has been read within so long.
FRESH_S = 180.0


class Judge:
    """Hears every event at its arrival; `violations` are broken promises, each said once a kind."""

    def __init__(self, world: World, meters: dict[str, Meter]) -> None:
        self.violations: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.values = 0
        self.alarms = LineAlarms()
        self.commands = CommandJudge()
        self._world = world
        self._meters = meters
        self._bodies: dict[str, str] = {}
        self._booted_at_s: dict[str, float] = {}
        self._epochs: set[str] = set()
        self._announced: set[str] = set()
        self._latest_s: dict[str, float] = {}
        self._said: Counter[str] = Counter()

    def booted(self, boot: str, at_s: float) -> None:
        """The machine is in that boot, whose clock began then."""
        self._booted_at_s[boot] = at_s

    def lived(self, began_s: float, took_s: float | None) -> None:
        """A process has ended or was killed, ready `took_s` after it began; None: it never was."""
        if took_s is not None:
            self.alarms.lived(began_s + took_s, self._world.now_s)
        if took_s is not None and took_s > READY_WITHIN_S:
            self.violate("late start", f"ready after {took_s:.1f} s")

    def ended(self, error: BaseException | None) -> None:
        """The process ended by itself."""
        self.violate("crash", repr(error))

    def logged(self, text: str) -> None:
        """The station wrote a traceback."""
        self.violate("traceback", text)

    def heard(self, event: dict[str, Any]) -> None:
        """One event, as often as it comes."""
        body = json.dumps(event, sort_keys=True, ensure_ascii=False)
        known = self._bodies.setdefault(event["id"], body)
        if event["type"] == "cn.yizhan.feed.gap.v1":  # told from wherever its reader stands
            if event["data"]["why"] != "journal.gap-history":
                self.violate("gap", f"no disk was damaged nor full: {event['data']}")
            return
        if known != body:
            self.violate("two bodies", f"{event['id']}: {known} and {body}")
            return
        self.kinds[event["type"].removeprefix("cn.yizhan.").removesuffix(".v1")] += 1
        self._epochs.add(event["id"].split(":")[1])
        match event["type"]:
            case "cn.yizhan.feed.epoch.v1":
                self._announced.add(event["id"].split(":")[1])
            case "cn.yizhan.station.fault.v1":
                self.violate("station.fault", str(event["data"]))
            case "cn.yizhan.command.receipt.v1":
                self.commands.heard(event["data"])
            case "cn.yizhan.field.reading.v1":
                self._reading(event)
            case kind if kind.startswith("cn.yizhan.alarm.") and "rule" in event["data"]:
                self._alarm(event)

    def _written(self, event: dict[str, Any], unit: int, value: int, at_s: float) -> None:
        """The register that commands write holds what it was told last."""
        told = [
            (max(times), each)
            for (of, each), times in self.commands.written.items()
            if of == unit and min(times) <= at_s
        ]
        true = {each for when_s, each in told if when_s >= at_s - TRANSACTION_S}
        before = [pair for pair in told if pair[0] < at_s - TRANSACTION_S]
        true.add(max(before)[1] if before else 0)
        if value not in true:
            self.violate(
                "false value", f"{event['id']} r{WRITTEN_AT} = {value}, told {sorted(true)}"
            )

    def settle(
        self, platforms: list[SimulatedPlatform], healthy_since_s: float, *, timed: bool
    ) -> None:
        """The world has been well for long: nothing may be open."""
        self.commands.settle(self.violate, self._world.now_s, timed=timed)
        for platform in platforms:
            for (epoch, lane), head in platform.lanes().items():
                if (upto := platform.upto(epoch, lane)) != head:
                    self.violate("hole", f"{platform.name} {epoch} {lane}: {upto + 1} of {head}")
        self.alarms.settle(self.violate)
        if unsaid := sorted(self._epochs - self._announced)[1:]:
            self.violate("epoch", f"not announced: {unsaid}")
        now_s = self._world.now_s
        if now_s - healthy_since_s > FRESH_S:
            for device, meter in self._meters.items():
                if now_s - self._latest_s.get(device, -FRESH_S) > FRESH_S + meter.every_s:
                    self.violate("unread", f"{device} was last read long ago")

    def violate(self, kind: str, what: str) -> None:
        """A promise is broken."""
        self._said[kind] += 1
        if self._said[kind] <= 5:
            self.violations.append(f"{self._world.now_s:10.1f} s  {kind}: {what}")

    def _alarm(self, event: dict[str, Any]) -> None:
        rule, told = event["data"]["rule"], event["data"]
        at_s = self._at_s(event)
        if rule.startswith("dead-") and "on" in told and at_s is not None:
            line, flaps = rule.removeprefix("dead-"), "flapping" in event["type"]
            self.alarms.told(line, at_s, on=told["on"], flaps=flaps)

    def _at_s(self, event: dict[str, Any]) -> float | None:
        """When it happened, in true time."""
        booted_at_s = self._booted_at_s.get(event["bootid"])
        if booted_at_s is None:
            self.violate("boot", f"{event['id']}: a boot that never was: {event['bootid']}")
            return None
        at_s = booted_at_s + int(event["uptimems"]) / 1000
        if at_s > self._world.now_s + 0.01:
            self.violate("future", f"{event['id']} is of {at_s:.3f} s")
        return at_s

    def _reading(self, event: dict[str, Any]) -> None:
        device, data = event["partitionkey"], event["data"]
        meter, at_s = self._meters[device], self._at_s(event)
        if at_s is None:
            return
        for point, value in data["v"].items():
            if point in data.get("q", {}):
                continue
            self.values += 1
            if point == f"r{WRITTEN_AT}":
                self._written(event, meter.unit, value, at_s)
                continue
            self._latest_s[device] = max(self._latest_s.get(device, 0.0), at_s)
            true_s = last_true_s(meter.unit, int(point[1:]), value, at_s)
            if true_s is None or at_s - true_s > TRANSACTION_S:
                self.violate("false value", f"{event['id']} {device}.{point} = {value}")

"""The station of `tests/access`, with rules, and a hand that makes its sensors speak."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from drivers.contract import Quality, Reading, Value
from gateway.event import Trust
from gateway.rules.core import RulesCore
from gateway.rules.kinds import PointInfo
from gateway.rules.rule import WHOLE, PointContext
from tests.access.harness import PLACES, Site, site
from tests.rules.player import plan
from tests.web.station import WALL_NS

STORM = 60
WHERE = {
    "smoke": "b3-f5",
    "sos": "b3-f5",
    "ebike": "b3-lift",
    "fill": "",
    "power": "b3",
    "flow": "b3",
}
NAMED = {
    "smoke": "5层烟感",
    "sos": "501求助按钮",
    "ebike": "电梯电瓶车",
    "fill": "满度",
    "power": "有功功率",
}
UNITS = {"fill": "%", "power": "kW", "flow": "m3/h"}

SCENARIO: dict[str, Any] = {
    "rule": {
        "smoke-b3": {"use": "smoke", "on": ["di-b3.smoke"], "set": {"for_s": 0}},
        "sos": {"use": "sos", "on": ["di-b3.sos"]},
        "ebike-b3": {"use": "e-bike-in-lift", "on": ["di-b3.ebike"], "set": {"for_s": 0}},
        "bin-east": {"use": "bin-full", "on": ["bin.fill"], "set": {"for_s": 0}},
        "load-b3": {
            "use": "over-limit",
            "on": ["em-b3.power"],
            "set": {"above": "18.5 kW", "for_s": 0},
            "severity": "major",
        },
        "storm": {
            "use": "over-limit",
            "on": [f"s{n}.power" for n in range(STORM)],
            "set": {"above": "9 kW", "for_s": 0},
        },
        "silent": {"use": "device-silent", "on": ["em-b5"]},
        "night": {"use": "leak-at-night", "on": ["water-b3.flow"]},
    },
    "duty": {
        "roster": [{"who": "张丽", "by": ["desk", "platform"]}],
        "escalate": [{"after_s": 30, "to": "张丽"}],
    },
    "linkage": {
        "smoke-b3": {
            "when": "smoke-b3",
            "do": [
                {"announce": "smoke", "zone": "b3", "class": "emergency", "expires_s": 600},
                {"call": "desk"},
            ],
        },
        "bin-east": {"when": "bin-east", "do": [{"message": "{name}满了"}], "dry_run": True},
    },
}
FOUR = {"di-b3.smoke": True, "di-b3.ebike": True, "bin.fill": 82, "em-b3.power": 19.2}
CALM: dict[str, Value] = {
    "di-b3.smoke": False,
    "di-b3.ebike": False,
    "bin.fill": 20,
    "em-b3.power": 12.0,
}


def look(word: str) -> PointContext:
    """What a word of `on` means on this station."""
    device, _, point = word.partition(".")
    place = WHERE.get(point, "")
    spoken = PLACES.spoken(place) if place else ""
    told = PointInfo(UNITS.get(point, "1"), 3600.0)
    scopes = frozenset({device, *(one.id for one in PLACES.chain(place) if one.id)})
    return PointContext(
        (device, point or WHOLE), told, place, spoken, NAMED.get(point, device), scopes
    )


class AlarmSite(Site):
    """The running station; `say` is a poll, `calm` a new day."""

    plan = plan(SCENARIO, look=look)

    def say(self, word: str, value: Value) -> None:
        """A device answers."""
        device, _, point = word.partition(".")
        at_ns = int(asyncio.get_running_loop().time() * 1e9)
        unit = UNITS.get(point, "1")
        self.rules.on_poll(device, [Reading(device, point, value, unit, Quality.GOOD, at_ns)])

    def raise_all(self, *, storm: bool = False, **words: Value) -> None:
        """So many alarms at once, `di-b3__smoke=True` for `di-b3.smoke`."""
        for n in range(STORM if storm else 0):
            self.say(f"s{n}.power", 10.0 + n)
        for word, value in words.items():
            self.say(word.replace("__", "."), value)

    def calm(self) -> None:
        """Nothing was ever raised: a new core over the same settings."""
        self.calls.ringing.clear()
        self.rules.core = RulesCore(self.plan, secrets.token_hex(8))

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.rules._take(self.rules.core.tick(self.rules.moment()))

    async def written(self) -> None:
        """Until everything that has happened is in the journal; somebody sits at a desk."""
        while self.rules.busy:  # the room tells nobody
            self.calls.mark_shown()
            await asyncio.sleep(0.01)
        await self.journal.append([])

    def id_of(self, rule: str) -> str:
        """The open alarm of a rule."""
        book = self.rules.core.alarms.book
        return next(a.id for a in book.open.values() if book.facts(a).rule == rule)

    def state_of(self, alarm_id: str) -> str:
        return self.rules.core.alarms.book.get(alarm_id).state.value


@contextlib.asynccontextmanager
async def alarm_site(folder: Path) -> AsyncIterator[AlarmSite]:
    """The station with its people, its rules running."""
    async with site(folder, kind=AlarmSite) as made:
        assert isinstance(made, AlarmSite)
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        await made.furnish()
        await made.rules.load()
        running = asyncio.create_task(made.rules.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await made.rules.stop()

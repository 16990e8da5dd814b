"""The rules in a station: at once, recorded with their state, once or at least once."""

import asyncio
import json

import msgspec

from drivers.contract import BusChange, BusState, Quality, Reading
from gateway.errors import CommandRefused, JournalError, JournalFull, Unavailable
from gateway.event import Event, Lane, Severity
from gateway.rules import outbox as outbox_module
from gateway.rules import watch as watch_module
from gateway.rules.events import TURNS, AlarmEventData
from gateway.rules.service import CHECKPOINT_S, RuleService
from tests.rules.player import plan
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import simulated

SMOKE = {"smoke": {"use": "smoke", "on": ["di-b3.panel"]}}
SPEAK = {
    "when": "smoke",
    "do": [
        {"announce": "smoke", "zone": "b3", "class": "emergency", "expires_s": 600},
        {"relay": "relay-1.output-1", "value": True},
    ],
}


class Hand:
    """A doer that remembers what it did and when, and may be slow or refuse."""

    def __init__(self, *, takes_s: float = 0, error: Exception | None = None) -> None:
        self.did: list[tuple[float, str]] = []
        self._takes_s = takes_s
        self._error = error

    async def handle(self, task) -> None:
        self.did.append((asyncio.get_running_loop().time(), task.id))
        await asyncio.sleep(self._takes_s)
        if self._error is not None:
            raise self._error


class Rig:
    """A room over a simulated journal."""

    def __init__(self, scenario, journal=None, **doers) -> None:
        self.journal = journal or simulated_journal(disk_s=0.05)
        self.clock = loop_clock()
        self.room = RuleService(plan(scenario), self.journal, self.clock, doers=doers)
        self._task: asyncio.Task | None = None

    async def __aenter__(self):
        await self.room.load()
        self._task = asyncio.create_task(self.room.run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def says(self, value, point="panel", device="di-b3"):
        at_ns = int(asyncio.get_running_loop().time() * 1e9)
        self.room.on_poll(device, [Reading(device, point, value, "1", Quality.GOOD, at_ns)])

    async def burns(self):
        self.says(value=False)
        for _ in range(3):
            self.says(value=True)
            await asyncio.sleep(1)

    async def events(self):
        found = []
        for lane in Lane:
            for entry in await self.journal.read(lane, 0):
                body = json.loads(b"{" + entry.body)
                found.append((lane, body["type"].split(".")[3], body["data"]))
        return found

    async def whats(self):
        return [what for _, what, _ in await self.events()]

    async def states_of(self, does):
        return [d["state"] for _, what, d in await self.events() if what == "action" and
                d["does"] == does]  # fmt: skip


def scenario(**linkage):
    return {"rule": SMOKE, "linkage": {"speak": SPEAK | linkage}}


@simulated
async def test_what_is_urgent_begins_before_the_disk_has_answered_and_the_rest_after():
    speak, relay = Hand(), Hand()
    async with Rig(scenario(), announce=speak, relay=relay) as rig:
        began = asyncio.get_running_loop().time()
        await rig.burns()
        assert speak.did[0][0] == began + 1
        assert relay.did[0][0] >= began + 1.05
        await asyncio.sleep(1)
        events = await rig.events()
    assert [(lane, what) for lane, what, _ in events] == [
        (Lane.EMERGENCY, "raised"),
        (Lane.SERVICE, "action"),
        (Lane.SERVICE, "action"),
    ]
    assert events[0][2]["reading"] == {
        "device": "di-b3", "point": "panel", "value": True, "unit": "1",
    }  # fmt: skip


@simulated
async def test_a_room_that_is_not_there_and_one_that_cannot_are_told_apart():
    async with Rig(scenario(), relay=Hand(error=CommandRefused("bus.busy"))) as rig:
        await rig.burns()
        assert await rig.states_of("announce") == ["unavailable"]
        assert await rig.states_of("relay") == ["failed"]


@simulated
async def test_a_doer_may_say_itself_that_nothing_is_there():
    async with Rig(scenario(), relay=Hand(error=Unavailable("rules.missing-room"))) as rig:
        await rig.burns()
        assert await rig.states_of("relay") == ["unavailable"]


@simulated
async def test_what_takes_too_long_expires():
    async with Rig(scenario(expires_s=5), relay=Hand(takes_s=60)) as rig:
        await rig.burns()
        await asyncio.sleep(10)
        assert await rig.states_of("relay") == ["expired"]


@simulated
async def test_after_a_crash_an_emergency_sounds_again_and_a_relay_is_not_moved_again():
    journal, slow = simulated_journal(disk_s=0.001), Hand(takes_s=600)
    async with Rig(scenario(expires_s=600), journal, announce=slow, relay=slow) as rig:
        await rig.burns()
        await asyncio.sleep(1)
    speak, relay = Hand(), Hand()
    async with Rig(scenario(expires_s=600), journal, announce=speak, relay=relay) as rig:
        await asyncio.sleep(1)
        assert await rig.states_of("relay") == ["unknown"]
        assert await rig.states_of("announce") == ["done"]
    assert [task for _, task in speak.did] == [slow.did[0][1]]
    assert relay.did == []


@simulated
async def test_an_emergency_that_expired_while_the_station_was_away_stays_silent():
    journal, slow = simulated_journal(disk_s=0.001), Hand(takes_s=6000)
    async with Rig(scenario(), journal, announce=slow, relay=Hand()) as rig:
        await rig.burns()
        await asyncio.sleep(1)
    await asyncio.sleep(700)
    speak = Hand()
    async with Rig(scenario(), journal, announce=speak) as rig:
        await asyncio.sleep(1)
        assert await rig.states_of("announce") == ["unknown"]
    assert speak.did == []


@simulated
async def test_an_alarm_survives_a_kill_and_is_acknowledged_after_it():
    journal = simulated_journal(disk_s=0.001)
    async with Rig({"rule": SMOKE}, journal) as rig:
        await rig.burns()
    async with Rig({"rule": SMOKE}, journal) as rig:
        rig.room.act(lambda alarms, now: alarms.acknowledge("smoke", "desk:zhang"))
        await rig.burns()
        assert await rig.whats() == ["raised", "acknowledged"]


@simulated
async def test_a_bus_is_watched_by_what_it_says_of_itself():
    line = {"rule": {"line": {"use": "bus-dead", "on": ["bus.meters"]}}}
    async with Rig(line) as rig:
        rig.room.on_bus_change(BusChange("meters", BusState.UP, 0))
        await asyncio.sleep(60)
        rig.room.on_bus_change(BusChange("meters", BusState.DOWN, 0))
        await asyncio.sleep(29)
        assert "raised" not in await rig.whats()
        await asyncio.sleep(3)
        assert "raised" in await rig.whats()


@simulated
async def test_an_edge_that_intake_has_held_is_not_held_a_second_time():
    async with Rig({"rule": SMOKE}) as rig:
        rig.says(value=False)
        await asyncio.sleep(2)
        edge_ns = int((asyncio.get_running_loop().time() - 1.5) * 1e9)
        rig.room.on_poll(
            "di-b3", [Reading("di-b3", "panel", True, "1", Quality.GOOD, edge_ns)]
        )  # a value
        await asyncio.sleep(0.2)
        assert await rig.whats() == ["raised"]


@simulated
async def test_what_rules_learnt_is_kept_now_and_then():
    rule = {"load": {"use": "over-limit", "on": ["em-tr.power-w"], "set": {"above": 5}}}
    async with Rig({"rule": rule}) as rig:
        rig.says(3.0, "power-w", "em-tr")
        await asyncio.sleep(CHECKPOINT_S + 2)
        assert set(await rig.journal.load("rules")) == {"head", "watch/load"}


@simulated
async def test_a_full_journal_stops_no_action_and_no_later_record(monkeypatch):
    speak = Hand()
    async with Rig(scenario(), announce=speak) as rig:

        async def full(*_):
            raise JournalFull("journal.full")

        whole = rig.journal.append
        monkeypatch.setattr(rig.journal, "append", full)
        await rig.burns()
        assert len(speak.did) == 1
        assert rig.room.refusals.held == 3
        monkeypatch.setattr(rig.journal, "append", whole)
        await asyncio.sleep(outbox_module.RETRY_S)
        rig.says(value=False)
        await asyncio.sleep(11)
        rig.says(value=False)
        await asyncio.sleep(1)
        assert sorted(await rig.whats()) == ["action", "action", "raised", "returned"]
        assert (rig.room.refusals.held, rig.room.refusals.lost) == (0, 0)


@simulated
async def test_a_journal_that_hangs_costs_no_emergency_and_no_state(monkeypatch, caplog):
    monkeypatch.setattr(outbox_module, "WAITING_MAX", 1)
    load = {"use": "over-limit", "on": ["em-tr.power-w"], "set": {"above": 5}}
    free = asyncio.Event()
    async with Rig({"rule": {**SMOKE, "load": load}}) as rig:
        whole = rig.journal.append

        async def hangs(*what):
            await free.wait()
            return await whole(*what)

        monkeypatch.setattr(rig.journal, "append", hangs)
        await rig.burns()
        rig.says(value=False)
        await asyncio.sleep(11)
        rig.says(value=False)  # the one that may wait
        rig.says(9.0, "power-w", "em-tr")
        await rig.burns()
        free.set()
        await asyncio.sleep(1)
        whats = await rig.whats()
        kept = await rig.journal.load("rules")
    assert whats == ["raised", "returned", "raised"]
    assert rig.room.refusals.lost == 1
    assert "1 events of the rules are given up" in caplog.text
    assert "alarm/smoke" in kept
    assert "alarm/load" not in kept, "what no event tells of is not remembered"


@simulated
async def test_a_mistake_of_ours_never_reaches_the_bus(monkeypatch, caplog):
    async with Rig({"rule": SMOKE}) as rig:
        monkeypatch.setattr(rig.room.core.engine, "read", lambda *_: 1 / 0)
        rig.says(value=True)
    assert "fault in rules.reading" in caplog.text


# An emergency, and an alarm of another lane.
FIRE = {
    **SMOKE,
    "load": {"use": "over-limit", "on": ["em-tr.power-w"], "set": {"above": 5, "for_s": 0}},
}


def bare_full(journal, monkeypatch, commits):
    """The journal has room for what holds nothing but emergencies; every attempt is noted."""
    whole = journal.append

    async def append(events, state=()):
        lanes = {event.travels for event in events}
        commits.append((sorted(lanes), sorted(change.key for change in state)))
        if lanes - {Lane.EMERGENCY} or not lanes:
            raise JournalFull("journal.full")
        return await whole(events, state)

    monkeypatch.setattr(journal, "append", append)
    return whole


@simulated
async def test_one_outcome_is_one_commit_of_all_its_lanes_and_its_state(monkeypatch):
    async with Rig({"rule": FIRE}) as rig:
        commits, whole = [], rig.journal.append

        async def append(events, state=()):
            commits.append(([e.travels for e in events], sorted(c.key for c in state)))
            return await whole(events, state)

        monkeypatch.setattr(rig.journal, "append", append)
        rig.room._outbox.put(outcome_of(rig, "load", "smoke"))
        await asyncio.sleep(1)
    assert commits == [
        ([Lane.ALARM, Lane.EMERGENCY], ["alarm/load", "alarm/smoke", "head", "linkage/x"])
    ]


@simulated
async def test_without_room_the_emergency_goes_with_its_own_state_and_the_rest_is_held(monkeypatch):
    commits: list = []
    async with Rig({"rule": FIRE}) as rig:
        whole = bare_full(rig.journal, monkeypatch, commits)
        rig.room._outbox.put(outcome_of(rig, "smoke", "load"))
        await asyncio.sleep(1)
        assert set(await rig.journal.load("rules")) == {"alarm/smoke", "linkage/x", "head"}
        assert await rig.whats() == ["raised"]
        assert (rig.room.refusals.held, rig.room.refusals.lost) == (1, 0)
        monkeypatch.setattr(rig.journal, "append", whole)
        await asyncio.sleep(outbox_module.RETRY_S)
        assert set(await rig.journal.load("rules")) == {
            "alarm/smoke", "alarm/load", "linkage/x", "head",
        }  # fmt: skip
        assert await rig.whats() == ["raised", "raised"]
        assert rig.room.refusals.held == 0
    assert commits[0] == (
        [Lane.EMERGENCY, Lane.ALARM], ["alarm/load", "alarm/smoke", "head", "linkage/x"],
    )  # fmt: skip


def outcome_of(rig, *rules):
    """An outcome in which alarms of these rules were raised, and a linkage fired."""
    parts, keep = [], {"linkage/x": b"\x00"}
    for rule in rules:
        lane = Lane.EMERGENCY if rule == "smoke" else Lane.ALARM
        event = Event(kind=TURNS["raised"], source="di-b3", stamps=rig.clock.stamp(), lane=lane,
                      data=told(rule))  # fmt: skip
        parts.append(outbox_module.OutboxPart((event,), frozenset({f"alarm/{rule}"})))
        keep[f"alarm/{rule}"] = rule.encode()
    return outbox_module.PendingOutcome(parts, keep, [])


def told(rule):
    return AlarmEventData(rule, rule, rule, rule, Severity.MAJOR, "raised", on=True)


@simulated
async def test_what_is_held_back_never_overwrites_what_came_after_it(monkeypatch):
    async with Rig({"rule": FIRE}) as rig:
        whole = bare_full(rig.journal, monkeypatch, [])
        held = outcome_of(rig, "load")
        held.keep["alarm/smoke"] = b"old"
        rig.room._outbox.put(held)
        await asyncio.sleep(1)
        rig.room._outbox.put(outcome_of(rig, "smoke"))
        await asyncio.sleep(1)
        monkeypatch.setattr(rig.journal, "append", whole)
        await asyncio.sleep(outbox_module.RETRY_S)
        assert (await rig.journal.load("rules"))["alarm/smoke"] == b"smoke"


@simulated
async def test_one_outcome_that_cannot_be_written_costs_no_other(monkeypatch):
    faults: list[str] = []
    async with Rig({"rule": FIRE}) as rig:
        rig.room._outbox._on_fault = lambda where, _: faults.append(where)
        bad = outcome_of(rig, "load")
        event = msgspec.structs.replace(bad.events[0], data=object())  # what nobody foresaw
        bad.parts[0] = outbox_module.OutboxPart((event,), bad.parts[0].keys)
        for each in (outcome_of(rig, "smoke"), bad, outcome_of(rig, "load")):
            rig.room._outbox.put(each)
        rig.room._outbox.put(
            outbox_module.PendingOutcome([], dict.fromkeys("ab", b"x" * 200_000), [])
        )
        await asyncio.sleep(2)
        assert await rig.whats() == ["raised", "raised"]
        assert set(await rig.journal.load("rules")) == {
            "alarm/smoke", "alarm/load", "linkage/x", "head", "a", "b",
        }  # fmt: skip
    assert faults == ["rules.outbox"]
    assert rig.room.refusals.lost == 1


@simulated
async def test_a_disk_that_has_failed_holds_nothing_back(monkeypatch):
    async with Rig({"rule": FIRE}) as rig:

        async def failed(*_):
            raise JournalError("journal.failed")

        monkeypatch.setattr(rig.journal, "append", failed)
        rig.room._outbox.put(outcome_of(rig, "smoke", "load"))
        await asyncio.sleep(1)
        assert (rig.room.refusals.held, rig.room.refusals.lost) == (0, 2)


@simulated
async def test_a_doer_that_breaks_ends_its_own_task_and_is_counted():
    faults: list[str] = []
    speak = Hand()
    async with Rig(scenario(), announce=speak, relay=Hand(error=KeyError("x"))) as rig:
        rig.room._on_fault = lambda where, _: faults.append(where)
        await rig.burns()
        assert await rig.states_of("relay") == ["failed"]
        assert await rig.states_of("announce") == ["done"]
        assert not rig.room.core.under_way
    assert faults == ["rules.doer.relay"]


@simulated
async def test_one_watch_one_alarm_and_one_linkage_fail_alone(monkeypatch):
    faults: list[str] = []
    speak = Hand()
    async with Rig({**scenario(), "rule": FIRE}, announce=speak) as rig:
        core = rig.room.core
        for each in (core, core.engine, core.alarms):
            each._on_fault = lambda where, _: faults.append(where)
        whole = watch_module.update_watch

        def read(watch, *given):
            return 1 / 0 if watch.facts.rule == "load" else whole(watch, *given)

        monkeypatch.setattr(watch_module, "update_watch", read)
        rig.says(9.0, "power-w", "em-tr")
        await rig.burns()
        assert (await rig.whats())[0] == "raised"
        assert len(speak.did) == 1
        assert set(faults) == {"rules.watch.over-limit"}
        monkeypatch.setattr(core.linkages, "plan", lambda *_: 1 / 0)
        monkeypatch.setattr(watch_module, "update_watch", whole)
        rig.says(9.0, "power-w", "em-tr")
        await asyncio.sleep(1)
        assert "load" in core.alarms.book.open
        assert faults[-1] == "rules.linkage"
        monkeypatch.setattr(core.alarms.duty, "due", lambda *_: 1 / 0)
        await asyncio.sleep(2)
        assert faults[-1] == "rules.alarm"
        rig.says(value=False)
        await asyncio.sleep(12)
        rig.says(value=False)
        await asyncio.sleep(1)
        assert "returned" in await rig.whats()


@simulated
async def test_a_text_names_what_a_switch_does_and_a_unit_as_people_write_it():
    said = []

    async def speak(task):
        said.append(task.text)

    hand = Hand()
    hand.handle = speak
    rules = {
        **SMOKE,
        "hot": {"use": "over-limit", "on": ["bin-east.temperature"], "set": {"above": "70 Cel"}},
    }
    linkage = {
        "a": {"when": "smoke", "do": [{"announce": "x", "zone": "b3", "text": "{value}{unit}"}]},
        "b": {"when": "hot", "do": [{"announce": "x", "zone": "b3", "text": "{value} {unit}"}]},
    }
    async with Rig({"rule": rules, "linkage": linkage}, announce=hand) as rig:
        await rig.burns()
        for _ in range(3):
            at_ns = int(asyncio.get_running_loop().time() * 1e9)
            hot = Reading("bin-east", "temperature", 72.5, "Cel", Quality.GOOD, at_ns)
            rig.room.on_poll("bin-east", [hot])
            await asyncio.sleep(30)
    assert said == ["动作", "72.5 °C"]

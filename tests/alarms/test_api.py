"""The alarms' API and what stands behind the pages: acts, refusals, the past, calls, curves."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from gateway.desk.alarms import history
from gateway.desk.alarms.desk_ring import RINGING_MAX, DeskRing
from gateway.desk.alarms.plot import crossing_index
from gateway.rules.alarms import SHELF_S_MAX
from gateway.rules.core import RulesCore
from gateway.rules.linkage import LinkageTask
from gateway.web import control_socket
from tests.access.harness import browser, site
from tests.alarms.harness import SCENARIO, AlarmSite, look
from tests.rules.player import plan
from tests.sim.loop import simulated


class Console:
    """Whoever speaks over the control socket."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str):
        async with self.session.get(f"http://localhost{path}") as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, **body):
        async with self.session.post(f"http://localhost{path}", json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


@pytest_asyncio.fixture
async def made(tmp_path) -> AsyncIterator[AlarmSite]:
    async with site(tmp_path, kind=AlarmSite, control=tmp_path / control_socket.NAME) as station:
        await station.rules.load()
        running = asyncio.create_task(station.rules.run())
        yield station
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest_asyncio.fixture
async def console(made: AlarmSite) -> AsyncIterator[Console]:
    connector = aiohttp.UnixConnector(str(made.folder / control_socket.NAME))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Console(session)


async def test_a_program_that_is_nobody_s_lists_no_private_alarm_and_no_note(
    made: AlarmSite, console: Console
) -> None:
    rules = {**SCENARIO["rule"], "sos": {**SCENARIO["rule"]["sos"], "private": True}}
    made.rules.core = RulesCore(plan({**SCENARIO, "rule": rules}, look=look), "0" * 16)
    made.say("bin.fill", 82)
    made.say("di-b3.sos", True)
    await console.post(f"/api/v1/alarms/{made.id_of('bin-east')}/note", text="她摔过")
    await made.furnish()

    def told(listed) -> list[tuple[str, str | None]]:
        return [(each["rule"], each["note"]) for each in listed]

    everything = [("sos", None), ("bin-east", "她摔过")]
    assert told((await console.get("/api/v1/alarms"))[1]) == everything
    async with browser(made, plain=True) as here, browser(made) as desk:
        assert told(await (await here.get("/api/v1/alarms")).json()) == [("bin-east", None)]
        await desk.enter("guest")
        assert told(await (await desk.get("/api/v1/alarms")).json()) == [("bin-east", None)]
        await desk.enter("zhang")
        assert told(await (await desk.get("/api/v1/alarms")).json()) == everything


async def test_a_program_lists_and_acts_and_every_act_is_in_the_record(
    made: AlarmSite, console: Console
) -> None:
    assert await console.get("/api/v1/alarms") == (200, [])
    made.say("bin.fill", 82)
    made.say("di-b3.ebike", True)
    status, listed = await console.get("/api/v1/alarms")
    assert [(a["rule"], a["severity"], a["state"]) for a in listed] == [
        ("ebike-b3", "major", "raised"),
        ("bin-east", "minor", "raised"),
    ]
    assert listed[1]["reading"] == {"device": "bin", "point": "fill", "value": 82, "unit": "%"}
    alarm = listed[1]["id"]
    status, told = await console.post(f"/api/v1/alarms/{alarm}/acknowledge")
    assert (status, told["state"], told["by"]) == (200, "acknowledged", "console")
    status, told = await console.post(f"/api/v1/alarms/{alarm}/shelve", hours=2)
    assert (told["state"], round(told["left_s"])) == ("shelved", 7200)
    status, told = await console.post(f"/api/v1/alarms/{alarm}/note", text="已清")
    assert told["note"] == "已清"
    status, told = await console.post(f"/api/v1/alarms/{alarm}/unshelve")
    assert told["state"] == "raised"
    assert [past.act.what for past in await made.acts(4)] == [
        "alarm/unshelve",
        "alarm/note",
        "alarm/shelve",
        "alarm/acknowledge",
    ]


async def test_undoing_the_shelf_of_what_has_gone_ends_it(
    made: AlarmSite, console: Console
) -> None:
    made.say("bin.fill", 82)
    alarm = made.id_of("bin-east")
    await console.post(f"/api/v1/alarms/{alarm}/shelve", hours=1)
    made.say("bin.fill", 10)
    made.tick(200)
    made.say("bin.fill", 10)
    status, told = await console.post(f"/api/v1/alarms/{alarm}/unshelve")
    assert (status, told) == (200, None)
    assert (await console.get("/api/v1/alarms"))[1] == []


async def test_what_cannot_be_done_is_refused_with_its_reason(
    made: AlarmSite, console: Console
) -> None:
    made.say("bin.fill", 82)
    alarm = made.id_of("bin-east")
    refused = [
        (f"/api/v1/alarms/{alarm}/unshelve", {}, "rules.not-now"),
        ("/api/v1/alarms/alarm-0-0/acknowledge", {}, "rules.no-alarm"),
        (f"/api/v1/alarms/{alarm}/shelve", {}, "alarms.unfit"),
        (f"/api/v1/alarms/{alarm}/shelve", {"hours": SHELF_S_MAX}, "alarms.unfit"),
        (f"/api/v1/alarms/{alarm}/shelve", {"hours": 0}, "rules.shelf-too-long"),
        (f"/api/v1/alarms/{alarm}/note", {"text": "长" * 201}, "alarms.unfit"),
        ("/api/v1/maintenance", {"scope": "nowhere", "hours": 1}, "rules.no-scope"),
    ]
    for path, body, code in refused:
        status, told = await console.post(path, **body)
        other = {"rules.no-alarm": 404, "rules.no-scope": 404, "rules.not-now": 409}
        assert (status, told["code"]) == (other.get(code, 400), code), path
    assert made.state_of(alarm) == "raised"


async def test_a_body_that_is_no_text_is_refused(made: AlarmSite, console: Console) -> None:
    made.say("bin.fill", 82)
    path = f"http://localhost/api/v1/alarms/{made.id_of('bin-east')}/note"
    async with console.session.post(path, data=b'{"text":"\xff"}') as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == "alarms.unfit"


async def test_the_past_is_read_page_by_page_from_all_lanes_without_hole_or_double(
    made: AlarmSite,
) -> None:
    for n in range(6):
        made.calm()
        made.say("di-b3.smoke", True)
        made.say("bin.fill", 82 + n)
        await made.written()
    whole = await history.read_alarm_history(made.journal, {}, 200, history.rule_filter("", ()))
    assert whole.before == {}
    assert sum(turn.kind == "raised" for turn in whole.turns) == 12
    seen, before = [], {}
    while True:
        page = await history.read_alarm_history(
            made.journal, before, 5, history.rule_filter("", ())
        )
        seen += page.turns
        before = dict(page.before)
        if not before:
            break
    assert seen == list(whole.turns)
    smoke = await history.read_alarm_history(
        made.journal, {}, 200, history.rule_filter("smoke-b3", ("raised",))
    )
    assert len(smoke.turns) == 6
    one = await history.read_alarm_history(
        made.journal, {}, 200, history.alarm_filter(smoke.turns[0].correlation)
    )
    assert {turn.kind for turn in one.turns} == {"raised", "action"}


def task(alarm: str) -> LinkageTask:
    return LinkageTask(
        id="t", linkage="l", does="call", action={"call": "desk"}, alarm=alarm, rule="r",
        place="", expires_ns=0,
    )  # fmt: skip


@simulated
async def test_a_call_is_done_when_a_desk_shows_it_and_rings_until_it_is_answered() -> None:
    calls = DeskRing()
    calling = asyncio.create_task(calls.handle(task("a-1")))
    await asyncio.sleep(60)
    assert not calling.done(), "nobody was looking"
    calls.mark_shown()
    await calling
    assert list(calls.ringing) == ["a-1"]
    calls.stop_ringing("a-1")
    assert not calls.ringing
    many = [asyncio.create_task(calls.handle(task(f"a-{n}"))) for n in range(RINGING_MAX + 10)]
    await asyncio.sleep(1)
    assert len(calls.ringing) == RINGING_MAX
    calls.mark_shown()
    await asyncio.gather(*many)


@pytest.mark.parametrize(
    ("samples", "limits", "raised", "expected"),
    [
        ((1, 2, 3, 9, 9, 9), (5,), 5.0, 3),
        ((9, 1, 2, 3, 9, 9), (5,), 5.0, 4),
        ((9, 9, 9), (5,), 2.0, None),
        ((1, 9, 1, 9, 4), (5,), 3.0, 3),
        ((5, 4, 1, 1), (2,), 3.0, 2),
        ((1, None, 9, None), (5,), 3.0, 2),
        ((1, 2, 3), (), 1.0, 1),
        ((None, None), (5,), 1.0, None),
        ((1, 2), (5,), -4.0, None),
    ],
)
async def test_where_it_was_crossed(samples, limits, raised, expected) -> None:
    assert crossing_index(samples, limits, raised) == expected

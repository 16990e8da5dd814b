"""The reference platform by itself: what tests and demonstrations rest on must be right."""

import json
import sqlite3

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.platform.cloudevents import MalformedBatch, parse_batch
from gateway.demo.platform.store import LaneKey, PlatformStore
from gateway.demo.platform.watermark import Watermark
from gateway.event import JournalEntry, Lane, encode_envelope_batch
from tests.upstream.harness import loop_clock
from tests.upstream.ledger import EPOCH, STATION, MemoryJournal, gap, sample
from tests.upstream.real_uplink import platform_at

SERVICE = LaneKey(STATION, EPOCH, "service")


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=40))
def test_a_mark_agrees_with_a_plain_set(ranges):
    mark, plain = Watermark(), set()
    for first, length in ranges:
        mark.add(first, first + length)
        plain |= {*range(first, first + length + 1)}
        upto = next(n for n in range(100) if n + 1 not in plain)
        assert mark.upto == upto
        assert mark.head == max(plain)
        holes = {n for first, last in mark.holes() for n in range(first, last + 1)}
        assert holes == {*range(1, max(plain))} - plain
        assert all(mark.covers(n, n) == (n in plain) for n in range(1, 75))
        assert mark.covers(1, 3) == ({1, 2, 3} <= plain)


async def entries(count: int) -> list[JournalEntry]:
    journal, clock = MemoryJournal(), loop_clock()
    return list(await journal.append([sample(Lane.SERVICE, clock.stamp())] * count))


async def test_what_was_taken_is_there_after_a_restart(tmp_path):
    made = await entries(10)
    store = PlatformStore(tmp_path / "p.db")
    assert (
        store.store_events(parse_batch(encode_envelope_batch(made[:4] + made[7:9], STATION)), 1)
        == 6
    )
    store.close()
    store = PlatformStore(tmp_path / "p.db")
    mark = store.mark(SERVICE)
    assert (mark.upto, mark.holes(), mark.head) == (4, [(5, 7)], 9)
    assert store.store_events(parse_batch(encode_envelope_batch(made, STATION)), 2) == 4
    assert (store.kept[SERVICE], store.duplicates[SERVICE], mark.upto) == (10, 6, 10)
    store.close()


async def test_gaps_close_holes_and_late_events_are_still_welcome(tmp_path):
    made = await entries(10)
    store = PlatformStore(tmp_path / "p.db")
    lost = gap(EPOCH, Lane.SERVICE, 3, 6)
    store.store_events(parse_batch(encode_envelope_batch([*made[:2], lost, *made[6:]], STATION)), 1)
    assert (store.mark(SERVICE).upto, store.lost[SERVICE]) == (10, 4)
    assert store.gaps() == [(*SERVICE, 3, 6, "journal.gap-quota")]
    assert store.store_events(parse_batch(encode_envelope_batch([lost, made[3]], STATION)), 2) == 1
    assert [seq for seq, _ in store.events(SERVICE, 0, 99)] == [1, 2, 4, 7, 8, 9, 10]
    store.close()


async def test_a_failed_commit_leaves_the_marks_where_the_file_is(tmp_path):
    made = await entries(3)
    store = PlatformStore(tmp_path / "p.db")
    store.store_events(parse_batch(encode_envelope_batch(made[:1], STATION)), 1)
    store._db.execute("CREATE TRIGGER no BEFORE UPDATE ON mark BEGIN SELECT RAISE(FAIL, ''); END")
    store._db.execute("CREATE TRIGGER no2 BEFORE INSERT ON mark BEGIN SELECT RAISE(FAIL, ''); END")
    with pytest.raises(sqlite3.Error):
        store.store_events(parse_batch(encode_envelope_batch(made, STATION)), 2)
    assert store.mark(SERVICE).upto == 1
    assert store.kept[SERVICE] == 1
    store.close()


async def test_only_the_newest_events_are_kept_and_the_watermark_remembers_the_rest(tmp_path):
    made = await entries(3000)
    store = PlatformStore(tmp_path / "p.db", kept_events=100)
    for start in range(0, 3000, 100):
        store.store_events(
            parse_batch(encode_envelope_batch(made[start : start + 100], STATION)), 1
        )
    assert store.mark(SERVICE).upto == 3000
    assert 100 <= store.kept[SERVICE] <= 1100
    assert store.kept[SERVICE] == len(store.events(SERVICE, 0, 5000))
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": "a:b:service"},
        {"id": f"{STATION}:{EPOCH}:alarm:1"},
        {"id": f"{STATION}:{EPOCH}:service:2"},
        {"sequence": "1"},
        {"sequence": "00000000000x"},
        {"lane": "fifth"},
        {"type": "cn.yizhan.feed.gap.v1", "data": {"from": 2}},
        {"type": "cn.yizhan.feed.gap.v1", "data": None},
    ],
)
async def test_an_event_that_breaks_the_contract_is_refused(change):
    (event,) = json.loads(encode_envelope_batch(await entries(1), STATION))
    assert parse_batch(json.dumps([event]).encode())[0].seq == 1
    with pytest.raises(MalformedBatch):
        parse_batch(json.dumps([{**event, **change}]).encode())


@given(st.binary(max_size=200).filter(lambda body: body.strip() != b"[]"))
def test_garbage_is_malformed(body):
    with pytest.raises(MalformedBatch):
        parse_batch(body)


async def test_the_api_tells_the_state_and_takes_orders(tmp_path):
    made = await entries(3)
    headers = {"yizhan-station": STATION, "yizhan-epoch": EPOCH}
    async with platform_at(tmp_path) as platform, aiohttp.ClientSession(platform.url) as web:
        async with web.post(
            "/v1/events", data=encode_envelope_batch([made[0], made[2]], STATION), headers=headers
        ) as answer:
            receipt = await answer.json()
        assert receipt["upto"] == {"service": 1}
        assert receipt["missing"] == [["service", 2, 2]]
        async with web.get("/api/state") as answer:
            state = await answer.json()
        (lane,) = state["lanes"]
        assert (lane["upto"], lane["head"], lane["holes"]) == (1, 3, [[2, 2]])
        assert [event["seq"] for event in state["latest"]] == [3, 1]
        query = {"station": STATION, "epoch": EPOCH, "lane": "service", "after": "1"}
        async with web.get("/api/events", params=query) as answer:
            assert [event["sequence"] for event in await answer.json()] == ["000000000003"]
        async with web.post("/api/commands", json={"station": STATION, "kind": "ping"}) as answer:
            name = (await answer.json())["id"]
        async with web.get("/v1/commands", params={"station": STATION, "after": ""}) as answer:
            (command,) = await answer.json()
        assert command["id"] == name
        async with web.get("/v1/commands", params={"station": "other", "wait": "0"}) as answer:
            assert await answer.json() == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/mood", {"mood": "sunny"}, 400),
        ("/api/mood", {}, 400),
        ("/api/commands", {"kind": "ping"}, 400),
        ("/api/commands", [], 400),
        ("/v1/events", {"not": "a batch"}, 400),
        ("/v1/ask", {"kind": "coffee"}, 404),
        ("/v1/ask", [], 400),
    ],
)
async def test_what_the_api_does_not_take(tmp_path, path, body, status):
    async with platform_at(tmp_path) as platform, aiohttp.ClientSession(platform.url) as web:
        async with web.post(path, json=body) as answer:
            assert answer.status == status
        async with web.post("/api/mood", data={"mood": "away"}) as answer:
            assert answer.status == 415  # a form of another site, say
        async with web.get("/api/events") as answer:
            assert answer.status == 400


async def test_a_batch_of_another_station_than_it_says_is_refused(tmp_path):
    made = await entries(1)
    async with platform_at(tmp_path) as platform, aiohttp.ClientSession(platform.url) as web:
        body = encode_envelope_batch(made, "another")
        headers = {"yizhan-station": STATION, "yizhan-epoch": EPOCH}
        async with web.post("/v1/events", data=body, headers=headers) as answer:
            assert answer.status == 422


async def test_the_page_and_all_that_it_needs_are_served(tmp_path):
    async with platform_at(tmp_path) as platform, aiohttp.ClientSession(platform.url) as web:
        for path in ("/", "/tokens.css", "/parts.css", "/icons.svg", "/platform.js"):
            async with web.get(path) as answer:
                assert answer.status == 200
                assert len(await answer.read()) > 1000

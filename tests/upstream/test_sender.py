import asyncio
import json

import msgspec
import pytest

from gateway.errors import DeliveryRejected, PlatformUnreachable
from gateway.event import Lane
from gateway.upstream.feed.batch_rate_limit import PER_S, SAVED_MAX, BatchRateLimit
from gateway.upstream.feed.events import FEED_REJECTED
from gateway.upstream.feed.poison import IN_A_ROW_MAX
from gateway.upstream.feed.receipt import LaneRange
from tests.sim.loop import simulated
from tests.upstream.fake_platform import lost, no_receipt
from tests.upstream.harness import Rig, until


@simulated
async def test_everything_arrives_once_in_order_and_is_receipted():
    rig = Rig()
    await rig.fact(Lane.TELEMETRY, 250)
    await rig.fact(Lane.SERVICE, 3)
    async with rig.running():
        await rig.until_settled()
    assert len(rig.platform.order) == 253
    for lane in ("telemetry", "service"):
        seqs = [seq for name, seq in rig.platform.order if name == lane]
        assert seqs == sorted(seqs)
    assert rig.sender.vitals.state == "up"


@simulated
async def test_a_reading_is_sent_as_soon_as_it_is_committed():
    rig = Rig()
    loop = asyncio.get_running_loop()
    async with rig.running():
        await asyncio.sleep(10)
        await rig.fact()
        began = loop.time()
        await until(lambda: bool(rig.platform.order))
        assert loop.time() - began <= rig.platform.delay_s + 0.002


@simulated
async def test_a_busy_station_lets_readings_wait_for_company_and_nothing_else():
    rig = Rig()
    loop = asyncio.get_running_loop()
    async with rig.running():
        for turn in range(200):
            await rig.fact()
            if turn % 40 == 20:
                await rig.fact(Lane.SERVICE)
                began = loop.time()
                await until(lambda: rig.follower.waiting()[Lane.SERVICE] == 0)
                assert loop.time() - began < 0.1 / PER_S
            await asyncio.sleep(0.05)
        await rig.until_settled()
    assert [seq for lane, seq in rig.platform.order if lane == "telemetry"] == [*range(1, 201)]
    bulk = [lanes for lanes in rig.platform.batches if "telemetry" in lanes]
    assert SAVED_MAX + 9 * PER_S < len(bulk) <= SAVED_MAX + 11 * PER_S + 10


def test_readings_travel_at_once_as_long_as_few_requests_are_made():
    pace = BatchRateLimit(0)
    assert [pace.wait_s(second * 10**9 // 4) for second in range(1000)] == [0] * 1000
    waits = [pace.wait_s(250 * 10**9) for _ in range(9)]
    assert waits == [0] * 7 + [1 / PER_S] * 2
    assert pace.wait_s(251 * 10**9) == 0


@simulated
async def test_an_emergency_does_not_wait_for_a_batch_that_is_under_way():
    rig = Rig()
    await rig.fact(Lane.TELEMETRY, 5000)
    async with rig.running():
        rig.platform.delay_s = 10.0
        await asyncio.sleep(15)
        rig.platform.delay_s = 0.005
        await rig.fact(Lane.EMERGENCY)
        await asyncio.sleep(0.05)
        assert ("emergency", 1) in rig.platform.stored
        assert rig.platform.order.index(("emergency", 1)) < 200


@simulated
async def test_readings_get_one_turn_in_eight_while_requests_pour_in():
    rig = Rig()
    await rig.fact(Lane.SERVICE, 5000)
    await rig.fact(Lane.TELEMETRY, 500)
    async with rig.running():
        await rig.until_settled()
    bulk = [lanes for lanes in rig.platform.batches if lanes]
    first_half = bulk[:40]
    only_readings = sum(set(lanes) == {"telemetry"} for lanes in first_half)
    assert only_readings == 5


@pytest.mark.slow
@simulated
async def test_a_week_without_a_platform_loses_nothing_and_knocks_seldom():
    rig = Rig()
    rig.platform.away = True
    await rig.fact(Lane.TELEMETRY, 10)
    async with rig.running():
        await asyncio.sleep(7 * 86_400)
        assert rig.sender.vitals.state == "down"
        assert rig.sender.vitals.code == "upstream.unreachable"
        assert 10_000 < len(rig.platform.batches) < 90_000  # both couriers, at most 60 s apart
        rig.platform.away = False
        await rig.until_settled(within_s=70)
    assert rig.sender.vitals.state == "up"


@simulated
async def test_an_alarm_during_an_outage_is_tried_within_seconds_of_the_return():
    rig = Rig()
    rig.platform.away = True
    async with rig.running():
        await asyncio.sleep(86_400)
        await rig.fact(Lane.EMERGENCY)
        await asyncio.sleep(60)
        rig.platform.away = False
        await asyncio.sleep(5.1)
        assert ("emergency", 1) in rig.platform.stored


@simulated
async def test_one_courier_that_gets_through_calls_the_other():
    rig = Rig()
    rig.platform.away = True
    async with rig.running():
        await rig.fact(Lane.TELEMETRY, 10)
        await asyncio.sleep(86_400)
        rig.platform.away = False
        await rig.fact(Lane.ALARM)
        await asyncio.sleep(5.2)  # the bulk starts within its spread, not at the end of its wait
        assert rig.settled()


@simulated
async def test_the_idle_courier_believes_the_other_that_the_platform_is_back():
    rig = Rig()
    rig.platform.away = True
    async with rig.running():
        await rig.fact(Lane.TELEMETRY, 10)
        await asyncio.sleep(86_400)
        rig.platform.away = False
        await until(rig.settled, within_s=70)
        await asyncio.sleep(0.1)
        assert rig.sender.vitals.state == "up"


@simulated
async def test_loss_and_return_are_logged_once(caplog):
    caplog.set_level("INFO")
    rig = Rig()
    await rig.fact()
    rig.platform.away = True
    async with rig.running():
        await asyncio.sleep(3600)
        rig.platform.away = False
        await rig.until_settled()
    messages = [record.getMessage() for record in caplog.records]
    assert [m for m in messages if "lost" in m] == ["uplink district lost: upstream.unreachable"]
    assert [m for m in messages if m.endswith("up")] == ["uplink district up"]


@pytest.mark.parametrize("fault", [no_receipt, lost])
@simulated
async def test_what_the_platform_took_without_a_receipt_is_sent_again(fault):
    rig = Rig()
    rig.platform.after = fault
    await rig.fact(Lane.ALARM, 5)
    async with rig.running():
        await asyncio.sleep(20)
        assert rig.follower.position[Lane.ALARM] == 0
        assert len(rig.platform.stored) == 5
        rig.platform.after = None
        await rig.until_settled()
    assert len(rig.platform.order) == 5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"epoch": "ffffffffffffffff"}, "upstream.receipt-epoch"),
        ({"upto": {"alarm": 6}}, "upstream.receipt-future"),
        ({"upto": {}}, "upstream.receipt-stuck"),
        ({"upto": {"alarm": 0}}, "upstream.receipt-stuck"),
        ({"missing": [("alarm", 3, 9)]}, "upstream.receipt-future"),
    ],
)
@simulated
async def test_a_receipt_that_cannot_be_true_is_named_and_drops_nothing(change, code):
    rig = Rig()
    rig.platform.receipt = lambda receipt: (
        msgspec.structs.replace(receipt, **change) if receipt.upto else receipt
    )
    await rig.fact(Lane.ALARM, 5)
    async with rig.running():
        await asyncio.sleep(120)
        assert rig.follower.position[Lane.ALARM] == 0
        assert (rig.sender.vitals.state, rig.sender.vitals.code) == ("refused", code)
        rig.platform.receipt = lambda receipt: receipt
        await rig.until_settled()


@simulated
async def test_a_watermark_that_goes_backwards_is_named():
    rig = Rig()
    async with rig.running():
        await rig.fact(Lane.ALARM, 5)
        await rig.until_settled()
        rig.platform.receipt = lambda receipt: msgspec.structs.replace(receipt, upto={"alarm": 2})
        await rig.fact(Lane.ALARM)
        await asyncio.sleep(120)
        assert rig.sender.vitals.code == "upstream.receipt-backwards"
        assert rig.follower.position[Lane.ALARM] == 5


@simulated
async def test_a_platform_that_lost_its_store_gets_the_history_again():
    rig = Rig()
    async with rig.running():
        await rig.fact(Lane.ALARM, 250)
        await rig.until_settled()
        rig.journal.evict(Lane.ALARM, 1, 20)
        rig.platform.stored.clear()
        await rig.fact(Lane.ALARM, 2)
        await rig.until_settled()
    assert rig.platform.holes("alarm") == []
    assert rig.platform.gaps["alarm"] == {*range(1, 21)}
    assert len(rig.platform.stored) == 232


@simulated
async def test_a_watermark_that_moves_only_part_of_the_way_is_believed():
    rig = Rig()
    rig.platform.receipt = lambda receipt: msgspec.structs.replace(
        receipt,
        upto={
            lane: min(seq, rig.follower.position[Lane.ALARM] + 30)
            for lane, seq in receipt.upto.items()
        },
    )
    await rig.fact(Lane.ALARM, 80)
    async with rig.running():
        await rig.until_settled(within_s=1)
    assert [len(lanes) for lanes in rig.platform.batches if lanes] == [80, 50, 20]


@simulated
async def test_what_went_beyond_a_hole_and_was_lost_there_is_sent_again():
    rig = Rig()
    async with rig.running():
        await rig.fact(Lane.SERVICE, 150)
        await rig.until_settled()
        rig.platform.forget("service", 0)
        rig.platform.delay_s = 0.5
        await rig.fact(Lane.SERVICE, 1)
        await asyncio.sleep(0.6)  # 151 is there, and the first hundred again under way
        assert ("service", 151) in rig.platform.stored
        rig.platform.forget("service", 0)
        await rig.until_settled(within_s=60)


@simulated
async def test_one_poisonous_event_is_found_reported_and_passed():
    rig = Rig()
    rig.platform.indigestible = {("telemetry", 73)}
    await rig.fact(Lane.TELEMETRY, 300)
    async with rig.running():
        await rig.until_settled()
        await asyncio.sleep(1)
    assert rig.platform.gaps["telemetry"] == {73}
    assert len([key for key in rig.platform.stored if key[0] == "telemetry"]) == 299
    (report,) = [e for e in rig.platform.stored.values() if e["type"] == FEED_REJECTED.type]
    assert report["data"] == {
        "uplink": "district",
        "events": [
            {"id": f"wangjing-07:{rig.journal.epoch}:telemetry:73", "code": "upstream.refused"}
        ],
    }
    assert len(rig.platform.batches) < 40


@simulated
async def test_a_platform_that_refuses_everything_gets_no_gaps():
    rig = Rig()

    def refuse(_batch):
        raise DeliveryRejected("upstream.refused", status=400)

    rig.platform.before = refuse
    await rig.fact(Lane.TELEMETRY, 300)
    async with rig.running():
        await asyncio.sleep(3600)
        assert rig.platform.gaps["telemetry"] == set()
        assert rig.journal.heads()[Lane.SERVICE] == 0
        assert rig.sender.vitals.state == "refused"
        rig.platform.before = None
        await rig.until_settled()
    assert len(rig.platform.stored) == 300


@simulated
async def test_a_platform_that_takes_no_event_of_ours_is_given_up_after_a_few():
    rig = Rig()
    rig.platform.indigestible = {("telemetry", seq) for seq in range(1, 301)} | {
        ("service", seq) for seq in range(1, 301)
    }
    await rig.fact(Lane.TELEMETRY, 300)
    async with rig.running():
        await asyncio.sleep(3600)
        assert len(rig.platform.gaps["telemetry"] | rig.platform.gaps["service"]) <= IN_A_ROW_MAX
        rig.platform.indigestible = set()
        await rig.until_settled()


@simulated
async def test_what_a_receipt_rejects_is_recorded_once_and_not_for_ever():
    rig = Rig()
    rig.platform.rejects = {("telemetry", 2), ("telemetry", 5), ("service", 1)}
    await rig.fact(Lane.TELEMETRY, 10)
    async with rig.running():
        await rig.until_settled()
        await asyncio.sleep(60)
    # service 1 is the report itself: refused as well, and that is not reported again
    assert rig.journal.heads()[Lane.SERVICE] == 1
    tail = json.loads(b"{" + rig.journal.lanes[Lane.SERVICE][0].body)
    assert [no["code"] for no in tail["data"]["events"]] == ["schema", "schema"]


@simulated
async def test_413_makes_batches_smaller_until_they_fit():
    rig = Rig()

    def small(batch):
        if len(batch.entries) > 30:
            raise DeliveryRejected("upstream.too-large", status=413)

    rig.platform.before = small
    await rig.fact(Lane.TELEMETRY, 1000)
    async with rig.running():
        await rig.until_settled()
    assert rig.platform.gaps["telemetry"] == set()
    sizes = [len(lanes) for lanes in rig.platform.batches]
    assert sum(size > 30 for size in sizes) <= len(sizes) // 8


@simulated
async def test_retry_after_is_honoured_by_the_bulk_and_bounded_for_an_alarm():
    rig = Rig()

    def busy(_batch):
        raise PlatformUnreachable("upstream.busy", status=503, retry_after_s=120.0)

    rig.platform.before = busy
    await rig.fact(Lane.TELEMETRY)
    await rig.fact(Lane.ALARM)
    async with rig.running():
        await asyncio.sleep(119)
    batches = rig.platform.batches
    assert batches.count(("telemetry",)) == 1
    assert 10 <= batches.count(("alarm",)) <= 12


@simulated
async def test_bulk_takes_half_the_road_after_an_outage():
    rig = Rig()
    rig.platform.delay_s = 0.1
    await rig.fact(Lane.TELEMETRY, 2000)
    loop = asyncio.get_running_loop()
    async with rig.running():
        began = loop.time()
        await rig.until_settled()
    assert loop.time() - began >= 19 * 0.2


@simulated
async def test_a_range_is_sent_again_with_gaps_where_it_is_gone():
    rig = Rig()
    async with rig.running():
        await rig.fact(Lane.SERVICE, 500)
        await rig.until_settled()
        rig.journal.evict(Lane.SERVICE, 100, 150)
        rig.platform.batches.clear()
        resend = rig.sender.resend_range(LaneRange(Lane.SERVICE, 90, 350))
        await resend.done
    assert (resend.entries, resend.gaps) == (210, 1)
    assert sum(len(lanes) for lanes in rig.platform.batches) == 211
    assert rig.platform.gaps["service"] == {*range(100, 151)}


@simulated
async def test_a_receipt_lends_its_clock_with_the_round_trip_as_bound():
    rig = Rig()
    heard = []
    rig.sender = type(rig.sender)(
        "district",
        rig.follower,
        rig.journal,
        rig.platform,
        rig.clock,
        station="wangjing-07",
        learn=lambda at, took_ns: heard.append((at, took_ns)),
    )
    times = iter(["2026-11-23T14:05:00.000Z", "soon", "2026-11-23T14:05:00"])
    rig.platform.receipt = lambda receipt: msgspec.structs.replace(receipt, at=next(times))
    async with rig.running():
        await asyncio.sleep(1)
        await rig.fact(Lane.ALARM)
        await rig.until_settled()
        await rig.fact(Lane.ALARM)
        await rig.until_settled()
    assert heard == [("2026-11-23T14:05:00.000Z", 5_000_000)]

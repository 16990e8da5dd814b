"""What the platform's answers move: to empty batches, to several at once, at first sight."""

import asyncio
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadReceipt, JournalFailed, SettingsError
from gateway.event import Lane
from gateway.upstream.feed.lane_sender import IDLE_S
from gateway.upstream.feed.receipt import LaneRange, judge_receipt
from gateway.upstream.feed.throughput import FLIGHTS_MAX
from gateway.upstream.uplinks.contract import DeliveryReceipt
from tests.sim.loop import run, simulated
from tests.upstream.harness import Rig, until

EPOCH = "0" * 16
HEADS = dict.fromkeys(Lane, 100)


@simulated
async def test_a_platform_put_back_to_a_backup_gets_again_what_it_lost_without_a_new_event():
    rig = Rig()
    async with rig.running():
        await rig.fact(Lane.EMERGENCY, 3)
        await rig.fact(Lane.ALARM, 250)
        await rig.fact(Lane.TELEMETRY, 20)
        await rig.until_settled()
        rig.journal.evict(Lane.ALARM, 40, 50)
        rig.platform.forget("emergency", 0)
        rig.platform.forget("alarm", 30)
        rig.platform.stored.pop(("telemetry", 7))  # a hole that it sees itself
        await asyncio.sleep(IDLE_S + 5)
        assert {lane.wire: rig.platform.upto(lane.wire) for lane in Lane} == {
            "emergency": 3, "alarm": 250, "service": 0, "telemetry": 20,
        }  # fmt: skip
        assert rig.platform.gaps["alarm"] == {*range(40, 51)}
        assert rig.sender.vitals.state == "up"
        assert len(rig.platform.batches) < 20


@simulated
async def test_a_platform_that_answers_an_empty_batch_with_zeros_is_not_believed_for_long():
    rig = Rig()
    rig.platform.receipt = lambda receipt: receipt if rig.platform.batches[-1] else zeros(receipt)
    async with rig.running():
        await rig.fact(Lane.TELEMETRY, 400)
        await rig.fact(Lane.ALARM, 400)
        await rig.until_settled()
        before = sum(map(len, rig.platform.batches))
        await asyncio.sleep(6 * 3600)
        assert sum(map(len, rig.platform.batches)) - before <= 200
        assert rig.sender.vitals.state == "up"


def zeros(receipt: DeliveryReceipt) -> DeliveryReceipt:
    return msgspec.structs.replace(receipt, upto={lane.wire: 0 for lane in Lane}, missing=[])


@pytest.mark.parametrize("missing", [True, False])
@simulated
async def test_an_optional_uplink_goes_on_where_the_platform_stands_after_a_restart(missing):
    rig = Rig(retaining=False)
    if not missing:
        rig.platform.receipt = lambda receipt: msgspec.structs.replace(receipt, missing=[])
    async with rig.running():
        await rig.fact(Lane.SERVICE, 50)
        await rig.until_settled()
    await rig.fact(Lane.SERVICE, 400)
    rig.restarted()
    rig.platform.heard.clear()  # and the answer to the first, empty batch names no lane
    async with rig.running():
        await rig.fact(Lane.SERVICE, 3)
        await rig.until_settled(within_s=60)
        assert rig.sender.vitals.state == "up"
    assert rig.platform.upto("service") == 453
    assert len(rig.platform.batches) < 15


@simulated
async def test_an_optional_uplink_goes_on_after_a_restart_though_nothing_new_happens():
    rig = Rig(retaining=False)
    async with rig.running():
        await rig.fact(Lane.SERVICE, 50)
        await rig.until_settled()
    await rig.fact(Lane.SERVICE, 40)
    rig.restarted()
    async with rig.running():
        await until(lambda: rig.platform.upto("service") == 90)


@simulated
async def test_several_batches_are_under_way_where_the_platform_is_slow_and_come_in_any_order():
    rig = Rig()
    rig.platform.delay_s, rig.platform.jitter_s = 1.0, 4.0
    async with rig.running():
        await rig.fact(Lane.TELEMETRY, 3_000)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await rig.until_settled()
    assert loop.time() - began < 3_000 / 100 * 5 / 2  # one after the other it takes 150 s
    sent = sum(map(len, rig.platform.batches))
    assert sent == 3_000  # nothing twice, though answers overtook each other
    assert rig.platform.order != sorted(rig.platform.order)


@simulated
async def test_one_batch_is_under_way_where_the_platform_is_quick():
    rig = Rig()
    rig.platform.jitter_s = 0.01
    honest, now, most = rig.platform.deliver, 0, 0

    async def counted(batch, answer_s):
        nonlocal now, most
        now += bool(batch.entries)
        most = max(most, now)
        try:
            return await honest(batch, answer_s)
        finally:
            now -= bool(batch.entries)

    rig.platform.deliver = counted
    await rig.fact(Lane.TELEMETRY, 3_000)
    async with rig.running():
        await rig.until_settled()
    assert most == 1
    rig.platform.jitter_s = 4.0
    await rig.fact(Lane.TELEMETRY, 3_000)
    async with rig.running():
        await rig.until_settled()
    assert 1 < most <= FLIGHTS_MAX


@simulated
async def test_a_watermark_that_lags_behind_several_batches_is_caught_up_with():
    rig = Rig()
    rig.platform.delay_s = 1.0
    rig.platform.receipt = lambda receipt: msgspec.structs.replace(
        receipt,
        upto={
            lane: min(seq, rig.follower.position[Lane.SERVICE] + 70)
            for lane, seq in receipt.upto.items()
        },
        missing=[],
    )
    await rig.fact(Lane.SERVICE, 1_000)
    async with rig.running():
        await rig.until_settled(within_s=60)


@pytest.mark.parametrize("lane", [Lane.ALARM, Lane.TELEMETRY])
@simulated
async def test_an_unforeseen_exception_costs_one_attempt_and_no_neighbour(lane):
    rig = Rig()
    wrong = 3

    def fail(batch):
        nonlocal wrong
        if batch.lanes == {lane} and wrong:
            wrong -= 1
            raise KeyError("what a person typed")

    rig.platform.before = fail
    other = Lane.TELEMETRY if lane is Lane.ALARM else Lane.ALARM
    async with rig.running():
        await rig.fact(lane, 5)
        await until(lambda: len(rig.faults) == 1)
        await rig.fact(other, 5)
        await until(lambda: rig.follower.waiting()[other] == 0, within_s=0.1)
        await until(lambda: rig.sender.vitals.state == "refused")
        assert rig.sender.vitals.code == "upstream.fault"
        assert "typed" not in str(rig.sender.vitals.data)
        await rig.until_settled(within_s=60)
    courier = "urgent" if lane is Lane.ALARM else "bulk"
    assert rig.faults == [(f"uplink.district.{courier}", "KeyError")] * 3
    assert sum(map(len, rig.platform.batches)) == 5 * 4 + 5


@simulated
async def test_a_credential_that_cannot_be_read_any_more_is_named_and_a_dead_disk_ends_it():
    rig = Rig()

    def unreadable(_batch):
        raise SettingsError("upstream.credential-missing", name="district")

    rig.platform.before = unreadable
    async with rig.running():
        await rig.fact(Lane.ALARM)
        await until(lambda: rig.sender.vitals.code == "upstream.credential-missing")

    def dead(_batch):
        raise JournalFailed("journal.failed")

    rig.platform.before = dead
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(rig.sender.run(), 60)


@simulated
async def test_an_alarm_does_not_wait_for_the_answer_to_an_empty_batch():
    rig = Rig()
    rig.platform.delay_s = 15.0
    async with rig.running():
        await asyncio.sleep(1)
        rig.platform.delay_s = 0.005
        await rig.fact(Lane.EMERGENCY)
        await until(rig.settled, within_s=1.1)


@simulated
async def test_a_platform_that_only_says_that_it_holds_everything_is_named():
    rig = Rig()
    rig.platform.holds = True
    rig.platform.receipt = lambda receipt: msgspec.structs.replace(
        receipt,
        upto=dict.fromkeys(receipt.upto, 0),
        missing=[],
        held=[(lane, 1, seq) for lane, seq in receipt.upto.items() if seq],
    )
    async with rig.running():
        await rig.fact(Lane.SERVICE, 5)
        await until(lambda: rig.sender.vitals.code == "upstream.receipt-stuck")
        assert rig.follower.position[Lane.SERVICE] == 0
        rig.platform.receipt = lambda receipt: receipt
        await rig.until_settled(within_s=70)


NUMBERS = st.integers(0, 100)
WIRES = [lane.wire for lane in Lane]
RANGES = st.lists(st.tuples(st.sampled_from(WIRES), NUMBERS, NUMBERS), max_size=6)


@given(
    upto=st.dictionaries(st.sampled_from(WIRES), NUMBERS),
    missing=RANGES,
    held=st.none() | RANGES,
    position=st.fixed_dictionaries(dict.fromkeys(Lane, NUMBERS)),
    beside=st.lists(st.tuples(st.sampled_from(list(Lane)), NUMBERS, NUMBERS), max_size=4),
    empty=st.booleans(),
)
def test_what_a_receipt_moves_is_never_more_than_it_may(  # noqa: PLR0917  # given by name
    upto, missing, held, position, beside, empty
):
    beside = [LaneRange(lane, *sorted(pair)) for lane, *pair in beside if min(pair) > 0]
    receipt = DeliveryReceipt(EPOCH, upto, missing, held=held)
    lanes = [] if empty else [Lane.ALARM, Lane.TELEMETRY]
    try:
        verdict = judge_receipt(
            receipt, epoch=EPOCH, lanes=lanes, position=position, heads=HEADS, beside=beside
        )
    except BadReceipt:
        return
    spoken = {lane for lane in Lane if empty or lane in lanes}
    assert verdict.upto.keys() <= spoken
    assert all(seq > position[lane] for lane, seq in verdict.upto.items())
    assert all(1 <= first <= last <= 100 for _, first, last in verdict.missing + verdict.doubted)
    for hole in verdict.missing + verdict.doubted:
        assert hole.lane in spoken
        assert not any(hole.overlaps(other) for other in beside)
    for lane in spoken & {Lane.parse(wire) for wire in upto}:
        got = upto[lane.wire]
        if got < position[lane] and not beside and held is not None:
            # all that it has lost comes again: what it does not hold up to our position
            lost = {*range(got + 1, position[lane] + 1)}
            lost -= {
                n
                for wire, a, b in held
                if wire == lane.wire and a > got + 1
                for n in range(a, b + 1)
            }
            again = {n for name, a, b in verdict.missing if name == lane for n in range(a, b + 1)}
            assert lost <= again


def test_a_random_jumble_of_couriers_and_answers_loses_nothing_and_sends_little_twice():
    async def story(rng: random.Random) -> None:
        rig = Rig(rng.randrange(1000))
        rig.platform.delay_s, rig.platform.jitter_s = rng.uniform(0, 2), rng.uniform(0, 3)
        rig.platform.holds = rng.random() < 0.5
        count = 0
        async with rig.running():
            for _ in range(20):
                some = rng.choice([1, 5, 80, 300])
                count += some
                await rig.fact(rng.choice(list(Lane)), some)
                await asyncio.sleep(rng.choice([0.0, 0.5, 3.0]))
            await rig.until_settled(within_s=600)
        # what an alarm had to be let past for is sent again
        assert count <= sum(map(len, rig.platform.batches)) <= count * 1.15

    for seed in range(6):
        run(story(random.Random(seed)))

"""What an inbox remembers: never done twice, never full of what is over, whatever the order."""

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.event import Lane, Trust
from gateway.signing import Signer
from gateway.upstream.inbox import command_store as shelves
from gateway.upstream.inbox.command import (
    UNSIGNED_KINDS,
    CommandKind,
    CommandState,
    ExecutionGuarantee,
    is_command_id,
    last_possible_id,
    parse_command,
)
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_store import (
    ASKED,
    SIGNED,
    URGENT,
    CommandRecord,
    CommandStore,
    ForgottenFloor,
)
from gateway.upstream.inbox.inbox import Inbox
from tests.sim.clock import SimulatedKernel
from tests.sim.loop import run
from tests.upstream.ledger import STATION, MemoryJournal

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
HAND = Signer(b"the platform's hand, in the test")
NOW_MS = 1_795_000_000_000
ROWS = {SIGNED: 2, ASKED: 2, URGENT: 4}
SHELF = {"bell": SIGNED, "siren": URGENT, "ping": ASKED}
DAY_MS = 86_400_000


class Asked(msgspec.Struct):
    note: str = ""


class Order(NamedTuple):
    """One command as the platform wrote it."""

    id: str
    kind: str
    issued_ms: int
    expires_ms: int

    @property
    def raw(self) -> bytes:
        body = {
            "id": self.id,
            "kind": self.kind,
            "station": STATION,
            "issued": rfc3339(self.issued_ms),
            "expires": rfc3339(self.expires_ms),
        }
        if self.kind not in UNSIGNED_KINDS:
            body["signature"] = HAND.sign(body)
        return json.dumps(body).encode()


class Hall:
    """A station over its restarts: the journal stays, the process and the boot do not."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.done: Counter[str] = Counter()
        self.boots = 0
        self.boot()

    def boot(self) -> None:
        loop = asyncio.get_running_loop()
        self.boots += 1
        self.kernel = SimulatedKernel(boottime=lambda: round(loop.time() * 1e9))
        self.clock = Clock(f"{self.boots:016x}", self.kernel)

    async def start(self) -> None:
        kinds = [
            CommandKind("bell", Asked, self.act),
            CommandKind("siren", Asked, self.act, ExecutionGuarantee.AT_LEAST_ONCE),
            CommandKind("ping", Asked, self.act),
        ]
        self.inbox = Inbox(
            "d", self.journal, self.clock, station=STATION, kinds=kinds,
            keys=CommandKeys(Path("/nowhere"), HAND.public),
        )  # fmt: skip
        await self.inbox.load()
        async with asyncio.TaskGroup() as acting:
            await self.inbox.resume(acting)

    async def act(self, _asked: Asked, mandate: object) -> None:
        self.done[mandate.id] += 1

    async def take(self, order: Order) -> dict:
        """Hand it over; the last receipt for it."""
        async with asyncio.TaskGroup() as acting:
            await self.inbox.handle_command(order.raw, acting)
        for entry in reversed(self.journal.lanes[Lane.SERVICE]):
            receipt = json.loads(b"{" + entry.body)["data"]
            if receipt["of"] == order.id:
                return receipt
        raise AssertionError(order)

    def now_ms(self) -> int:
        return NOW_MS + round((asyncio.get_running_loop().time() - 1000) * 1000)

    def learn(self, wall_ms: int) -> None:
        self.clock.learn(Trust.PERSON, wall_ms * 1_000_000, 1_000_000)

    def unexpired(self, shelf: str) -> int:
        kept = self.inbox._memory._kept.values()
        return sum(
            one.shelf == shelf
            and one.state is not CommandState.REFUSED
            and not (one.ended and one.deadline.passed(self.clock))
            for one in kept
        )

    def rows(self) -> Counter[str]:
        return Counter(kept.shelf for kept in self.inbox._memory._kept.values())


NEW = st.tuples(
    st.just("new"),
    st.sampled_from(["bell", "bell", "bell", "siren", "ping"]),
    st.sampled_from([0, 0, 0, 50, -50, -5000, 4000, -600_000]),
    st.sampled_from([1000, 60_000, 3_600_000, 20 * DAY_MS]),
)
AGAIN = st.tuples(st.just("again"), st.integers(0, 9))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0, 1, 61, 4000, 86_400, 21 * 86_400]))
KILL = st.tuples(st.just("kill"))
REBOOT = st.tuples(st.just("reboot"), st.booleans())
CLOCK = st.tuples(st.just("clock"), st.sampled_from([0, 0, 3600, -3600, 90 * 86_400]))
LIVES = st.lists(
    st.one_of(*[NEW] * 5, *[AGAIN] * 2, WAIT, WAIT, KILL, REBOOT, CLOCK), min_size=12, max_size=60
)
HONEST = st.lists(st.one_of(*[NEW] * 4, *[AGAIN] * 2, WAIT, WAIT, KILL), min_size=12, max_size=60)


async def live(steps: list[tuple], *, honest: bool = False) -> Hall:
    """Live through all of it; what must hold at each step is asserted there."""
    hall = Hall()
    hall.learn(hall.now_ms())
    await hall.start()
    orders: list[Order] = []
    for serial, (what, *how) in enumerate(steps):
        if what == "new":
            kind, skew_ms, ttl_ms = how
            now_ms = hall.now_ms()
            order = Order(uuid7(now_ms + skew_ms + serial), kind, now_ms, now_ms + ttl_ms)
            orders.append(order)
            await taken(hall, order, fresh=True, honest=honest)
        elif what == "again" and orders:
            await taken(hall, orders[how[0] % len(orders)], fresh=False, honest=honest)
        elif what != "again":
            await suffer(hall, what, *how)
        sirens = sum(order.kind == "siren" for order in orders)
        for order in orders:
            # Of too many emergencies that have not expired the oldest may sound again, if wanted.
            if order.kind != "siren" or sirens <= ROWS[URGENT]:
                assert hall.done[order.id] <= 1, order
        assert all(hall.rows()[shelf] <= most for shelf, most in ROWS.items())
    return hall


async def suffer(hall: Hall, what: str, how: int | bool = False) -> None:
    if what == "wait":
        await asyncio.sleep(how)
    elif what == "clock":
        hall.learn(hall.now_ms() + how * 1000)
    else:
        if what == "reboot":
            hall.boot()
            if how:
                hall.learn(hall.now_ms())
        await hall.start()


async def taken(hall: Hall, order: Order, *, fresh: bool, honest: bool) -> None:
    full = hall.unexpired(SHELF[order.kind]) >= ROWS[SHELF[order.kind]]
    receipt = await hall.take(order)
    code = receipt.get("reason_code")
    if code == "inbox.busy":
        assert full
        assert order.kind != "siren"
    if honest and fresh:
        assert receipt["state"] == ("refused" if code == "inbox.busy" else "done"), receipt
        assert code in (None, "inbox.busy")


def lived(steps: list[tuple], *, honest: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelves, "ROWS_MAX", ROWS)
        run(live(steps, honest=honest))


@given(LIVES)
@settings(max_examples=12, deadline=None)
def test_nothing_is_done_twice_whatever_comes_in_which_order(steps):
    lived(steps, honest=False)


@given(HONEST)
@settings(max_examples=12, deadline=None)
def test_where_the_clocks_are_right_nothing_new_is_refused_but_for_a_full_shelf(steps):
    lived(steps, honest=True)


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_nothing_is_done_twice_in_thousands_of_lives():
    count = max(200, int(8000 * SHARE))

    @seed(SEED)
    @given(LIVES, st.booleans())
    @settings(max_examples=count, deadline=None, database=None)
    def live_all(steps, honest):
        if honest:
            steps = [step for step in steps if step[0] not in ("reboot", "clock")]
        lived(steps, honest=honest)

    live_all()
    print(f"{count} lives of an inbox, seed {SEED}: 0 done twice, busy only where it was full")


def bell(
    serial: int, ttl_ms: int = 60_000, kind: str = "bell", made_ms: int | None = None
) -> Order:
    made_ms = NOW_MS + serial if made_ms is None else made_ms
    return Order(uuid7(made_ms), kind, NOW_MS, NOW_MS + ttl_ms)


def story(test):
    """`test(hall)` in virtual time, over a hall that has started and knows the time."""

    def told():
        async def main():
            hall = Hall()
            hall.learn(NOW_MS)
            await hall.start()
            await test(hall)

        run(main())

    told.__name__, told.__doc__ = test.__name__, test.__doc__
    return told


@story
async def test_a_long_lived_command_pins_nothing_that_comes_after_it(hall):
    await hall.take(bell(0, 20 * DAY_MS))
    for serial in range(1, 301):
        now_ms = hall.now_ms()
        order = Order(uuid7(now_ms + serial), "bell", now_ms, now_ms + 60_000)
        assert (await hall.take(order))["state"] == "done"
        await asyncio.sleep(61)
    assert (await hall.take(bell(0, 20 * DAY_MS, made_ms=hall.now_ms())))["state"] == "done"
    assert hall.rows()[SIGNED] <= shelves.COMMANDS_MAX


def fill(memory: CommandStore, clock: Clock, kind: str, count: int, first: int) -> None:
    """So many that were done, and live for weeks."""
    for serial in range(first, first + count):
        order, shelf = bell(serial, 20 * DAY_MS, kind), SHELF[kind]
        memory.make_room(clock, order.id, shelf)
        until = clock.deadline(20 * 86_400)
        memory.keep(
            order.id,
            CommandRecord(CommandState.DONE, until, shelf=shelf, until_ns=order.expires_ms * 10**6),
        )


@story
async def test_an_emergency_finds_room_where_nothing_else_does(hall):
    memory, clock = hall.inbox._memory, hall.clock
    fill(memory, clock, "bell", shelves.COMMANDS_MAX, 0)
    fill(memory, clock, "ping", shelves.ASKED_MAX, 1000)
    assert (await hall.take(bell(2000)))["reason_code"] == "inbox.busy"
    assert (await hall.take(bell(2001, kind="ping")))["reason_code"] == "inbox.busy"
    assert (await hall.take(bell(2002, kind="siren")))["state"] == "done"
    fill(memory, clock, "siren", shelves.URGENT_MAX + 20, 3000)
    assert (await hall.take(bell(9000, kind="siren")))["state"] == "done"
    assert hall.rows()[URGENT] == shelves.URGENT_MAX


@story
async def test_emergencies_are_bounded_in_bytes_too(hall):
    memory, clock = hall.inbox._memory, hall.clock
    for serial in range(60):
        order = bell(serial, DAY_MS, "siren")
        memory.make_room(clock, order.id, URGENT)
        kept = CommandRecord(
            CommandState.ACCEPTED, clock.deadline(60), data="x" * 120_000, shelf=URGENT
        )
        memory.keep(order.id, kept)
    assert sum(memory._sizes.values()) < shelves.URGENT_BYTES_MAX + 130_000
    assert hall.rows()[URGENT] > 30


@story
async def test_whoever_may_only_ask_crowds_out_nobody_and_hides_nothing(hall):
    for serial in range(shelves.ASKED_MAX + 9):  # ids from an hour ahead, as far as one may go
        await hall.take(bell(0, 1000, "ping", made_ms=hall.now_ms() + 3_000_000 + serial))
        await asyncio.sleep(1)
    assert hall.inbox._memory.since.after <= last_possible_id((hall.now_ms() + 3000) * 1_000_000)
    assert (await hall.take(bell(0, 600_000, made_ms=hall.now_ms())))["state"] == "done"
    await hall.start()
    assert hall.inbox._memory.since.after == ""


@story
async def test_what_was_forgotten_stays_so_after_a_reboot_that_knows_no_time(hall):
    orders = [bell(serial, 1000) for serial in range(shelves.COMMANDS_MAX)]
    for order in orders:
        await hall.take(order)
    await asyncio.sleep(2)
    await hall.take(bell(5000, DAY_MS))
    hall.boot()
    await hall.start()
    assert (await hall.take(orders[0]))["reason_code"] == "inbox.forgotten"
    assert (await hall.take(orders[1]))["state"] == "duplicate"
    later = bell(0, DAY_MS, made_ms=NOW_MS - 5000)  # an older id, and still wanted
    assert (await hall.take(later))["state"] == "done"
    assert hall.done[orders[0].id] == 1


@story
async def test_a_record_that_cannot_be_read_counts_as_carried_out(hall):
    orders = [bell(serial, DAY_MS) for serial in range(4)]
    for order in orders:
        await hall.take(order)
    for order, junk in zip(orders, (b"", b"\xff{", b'{"state":7}', b"{}"), strict=True):
        hall.journal.state["inbox-d", order.id] = junk
    hall.journal.state["inbox-d", "no id"] = b"{}"
    hall.journal.state["inbox.d", "floor-signed"] = b'{"id":"zzz"}'
    hall.journal.state["inbox.d", "cursor"] = b"a b"
    hall.journal.state["inbox-d", "floor"] = b"\xff"
    await hall.start()
    assert sorted(hall.journal.set_aside) == ["state.inbox-d"] * 6 + ["state.inbox.d"] * 2
    assert hall.inbox._memory.since.cursor == ""
    for _ in range(2):
        for order in orders:
            assert (await hall.take(order))["state"] == "duplicate"
            assert hall.done[order.id] == 1
        assert (await hall.take(bell(9)))["state"] in ("done", "duplicate")
        older = bell(0, made_ms=NOW_MS - 9)
        assert (await hall.take(older))["reason_code"] == "inbox.forgotten"
        await hall.start()  # what took the place of the damaged rows is kept
    assert len(hall.journal.set_aside) == 8


@story
async def test_an_emergency_whose_record_cannot_be_read_sounds_while_it_is_wanted(hall):
    siren = bell(0, DAY_MS, "siren")
    hall.journal.state["inbox-d", siren.id] = b"x"
    await hall.start()
    assert (await hall.take(siren))["state"] == "done"
    assert (await hall.take(siren))["state"] == "duplicate"
    assert hall.done[siren.id] == 1


@story
async def test_what_an_earlier_version_wrote_is_taken_up(hall):
    kept = b'{"state":"done","deadline":{"boot":"0000000000000001","at_ns":1}}'
    for serial in range(shelves.COMMANDS_MAX):
        hall.journal.state["inbox-d", uuid7(NOW_MS + serial)] = kept
    hall.journal.state["inbox-d", "floor"] = uuid7(NOW_MS - 10).encode()
    await hall.start()
    assert (await hall.take(bell(0, made_ms=NOW_MS - 20)))["reason_code"] == "inbox.forgotten"
    assert (await hall.take(bell(5000)))["state"] == "done"
    assert await hall.take(bell(5001)), "the floor rose over what has no expiry of its own"
    floor = hall.journal.state["inbox-d", "floor"].decode()
    assert is_command_id(floor)
    assert floor >= uuid7(NOW_MS)[:13]


@story
async def test_an_emergency_that_the_power_cut_off_goes_on_once_the_time_is_known(hall):
    siren, late = bell(0, DAY_MS, "siren"), bell(1, 60_000, "siren")
    for order in (siren, late):
        command = parse_command(order.raw)
        deadline = command.deadline(hall.clock.stamp())
        kept = CommandRecord(CommandState.ACCEPTED, deadline, kind="siren", data="{}", shelf=URGENT)
        hall.inbox._memory.keep(order.id, kept)
        hall.journal.state["inbox-d", order.id] = msgspec.json.encode(kept)
    hall.boot()
    starting = asyncio.ensure_future(hall.start())
    await asyncio.sleep(3600)
    assert not hall.done
    assert not starting.done()
    hall.kernel.true_ns = hall.now_ms() * 1_000_000
    hall.kernel.hold()
    hall.clock.poll()
    await starting
    assert hall.done == {siren.id: 1}
    assert (await hall.take(late))["state"] == "duplicate"


@story
async def test_details_give_way_before_fates_do(hall):
    hall.inbox._memory = memory = CommandStore("d", {}, {})
    clock, detail = hall.clock, "x" * 100_000
    for serial in range(30):
        order = parse_command(bell(serial, DAY_MS).raw)
        memory.make_room(clock, order.id, SIGNED)
        memory.keep(order.id, CommandRecord(CommandState.DONE, clock.deadline(60), detail=detail))
    assert len(memory._kept) == 30
    held = [kept.detail for kept in memory._kept.values()]
    assert held[:18] == [None] * 18
    assert sum(memory._sizes.values()) < shelves.DETAILS_BYTES_MAX + 200_000


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_a_floor_covers_all_that_went_below_it_and_nothing_newer(gone):
    floor = ForgottenFloor()
    for made, until in gone:
        floor = floor.over(last_possible_id(made * 10**6), until)
    for made, until in gone:
        assert last_possible_id(made * 10**6) <= floor.id
        assert until <= floor.until_ns
    assert last_possible_id(10 * 10**6) > floor.id


def test_the_highest_id_of_an_instant_lies_above_all_of_it_and_below_the_next():
    rng = random.Random(SEED)
    for _ in range(200):
        at_ms = rng.randrange(2**44)
        assert uuid7(at_ms) <= last_possible_id(at_ms * 10**6) < uuid7(at_ms + 1)

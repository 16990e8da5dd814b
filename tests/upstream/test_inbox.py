import asyncio
import datetime
import json
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.errors import CommandRefused, PlatformUnreachable, Unavailable
from gateway.event import Lane, Trust, parse_rfc3339
from gateway.signing import Signer
from gateway.upstream.inbox.builtin_commands import feed_replay_command, ping_command
from gateway.upstream.inbox.command import (
    MOVES,
    UNSIGNED_KINDS,
    CommandKind,
    CommandState,
    UnconfirmedResult,
    parse_command,
)
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_store import COMMANDS_MAX
from gateway.upstream.inbox.executor import ACTING_MAX
from gateway.upstream.inbox.inbox import OPEN_MAX, Inbox
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from tests.sim.loop import simulated
from tests.upstream.harness import Rig
from tests.upstream.ledger import STATION

NOW_MS = 1_795_000_000_000  # 2026-11-18


HAND = Signer(b"the platform's hand, in the test")


def signed(body: dict) -> bytes:
    """The command, with a signature if its kind wants one."""
    if body["kind"] not in UNSIGNED_KINDS:
        body = {**body, "signature": HAND.sign(body)}
    return json.dumps(body).encode()


class Bell(msgspec.Struct):
    times: int = 1


class Desk:
    """An inbox over a journal in memory, with one kind that counts what it does."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.rung = 0
        self.ringing = 0
        self.unproved = False
        self.hold: asyncio.Event | None = None
        self.serial = 0
        self.inbox = self.new_inbox()

    def new_inbox(self) -> Inbox:
        kinds = [
            CommandKind("bell", Bell, self.ring),
            CommandKind("broadcast.order", Bell, self.ring),
            ping_command(self.rig.clock),
            feed_replay_command(self.rig.sender, self.rig.journal, self.rig.clock),
        ]
        keys = CommandKeys(Path("/nowhere"), HAND.public)
        rig = self.rig
        return Inbox("district", rig.journal, rig.clock, station=STATION, kinds=kinds, keys=keys)

    async def poll(self, uplink: object, for_s: float) -> None:
        polling = asyncio.ensure_future(self.inbox.run(uplink, random.Random(1)))
        await asyncio.sleep(for_s)
        polling.cancel()

    async def ring(self, bell: Bell, _deadline: object) -> object:
        if bell.times == 0:
            raise Unavailable("inbox.unavailable", kind="bell")
        if self.hold is not None:
            self.ringing += 1
            await self.hold.wait()
            self.ringing -= 1
        self.rung += bell.times
        detail = {"rung": bell.times}
        return UnconfirmedResult(detail) if self.unproved else detail

    def command(self, kind: str = "bell", *, ttl_s: float = 60, issued_ms: int = NOW_MS, **more):
        self.serial += 1
        body = {
            "id": uuid7(NOW_MS + self.serial),
            "kind": kind,
            "station": STATION,
            "issued": rfc3339(issued_ms),
            "expires": rfc3339(issued_ms + int(ttl_s * 1000)),
            **more,
        }
        return signed(body)

    async def take(self, *commands: bytes) -> None:
        async with asyncio.TaskGroup() as acting:
            for command in commands:
                await self.inbox.handle_command(command, acting)

    async def restart(self) -> None:
        """The process was killed and is back."""
        self.inbox = self.new_inbox()
        await self.inbox.load()
        async with asyncio.TaskGroup() as acting:
            await self.inbox.resume(acting)

    def receipts(self) -> list[dict]:
        tails = [json.loads(b"{" + e.body) for e in self.rig.journal.lanes[Lane.SERVICE]]
        return [tail["data"] for tail in tails if tail["type"].endswith("command.receipt.v1")]

    def states(self) -> list[str]:
        return [receipt["state"] for receipt in self.receipts()]

    def set_wall(self, wall_ms: int) -> None:
        self.rig.clock.learn(Trust.PLATFORM, wall_ms * 1_000_000, 1_000_000)


@simulated
async def test_a_command_is_accepted_done_and_reported():
    desk = Desk()
    command = desk.command(data={"times": 2})
    await desk.take(command)
    accepted, done = desk.receipts()
    name = json.loads(command)["id"]
    assert accepted == {"of": name, "state": "accepted"}
    assert done == {"of": name, "state": "done", "detail": {"rung": 2}}
    (tail, _) = [json.loads(b"{" + e.body) for e in desk.rig.journal.lanes[Lane.SERVICE]]
    assert tail["correlationid"] == name


@simulated
async def test_a_repetition_answers_with_the_result_and_acts_no_second_time():
    desk = Desk()
    command = desk.command()
    await desk.take(command, command)
    await asyncio.sleep(1)
    await desk.take(command)
    desk.inbox = desk.new_inbox()
    await desk.inbox.load()
    await desk.take(command)
    assert desk.rung == 1
    # the first repetition came while the bell was still ringing
    assert desk.states() == ["accepted", "duplicate", "done", "duplicate", "duplicate"]
    assert desk.receipts()[-1]["detail"] == {"state": "done", "detail": {"rung": 1}}


@simulated
async def test_what_nobody_can_prove_ends_as_sent():
    desk = Desk()
    desk.unproved = True
    command = desk.command()
    await desk.take(command)
    await desk.restart()
    await desk.take(command)
    assert desk.rung == 1
    assert desk.states() == ["accepted", "sent", "duplicate"]
    assert desk.receipts()[1]["detail"] == {"rung": 1}
    assert desk.receipts()[2]["detail"] == {"state": "sent", "detail": {"rung": 1}}


@simulated
async def test_killed_half_way_it_is_failed_and_never_repeated():
    desk = Desk()
    desk.hold = asyncio.Event()
    command = desk.command()
    task = asyncio.ensure_future(desk.take(command))
    await asyncio.sleep(1)
    task.cancel()  # as a kill would: accepted is on disk, the end is not
    await asyncio.sleep(1)
    desk.hold = None
    await desk.restart()
    await desk.take(command)
    assert desk.rung == 0
    assert desk.states() == ["accepted", "failed", "duplicate"]
    assert desk.receipts()[1]["reason_code"] == "inbox.interrupted"


@pytest.mark.parametrize(
    ("change", "state", "code"),
    [
        ({"station": "elsewhere"}, "refused", "inbox.wrong-station"),
        ({"kind": "coffee"}, "refused", "inbox.unavailable"),
        ({"kind": "broadcast.order"}, "refused", "inbox.unsigned"),
        ({"kind": "relay.set"}, "refused", "inbox.unsigned"),
        ({"kind": "relay.set", "signature": "AA=="}, "refused", "inbox.unavailable"),
        ({"data": {"times": "two"}}, "refused", "inbox.malformed"),
        ({"expires": rfc3339(NOW_MS - 1)}, "refused", "inbox.malformed"),
        ({"expires": "tomorrow"}, "refused", "inbox.malformed"),
        ({"kind": 7}, "refused", "inbox.malformed"),
        ({"data": {"times": 0}}, "failed", "inbox.unavailable"),
    ],
)
@simulated
async def test_what_is_not_carried_out_is_named(change, state, code):
    desk = Desk()
    body = json.loads(desk.command())
    del body["signature"]
    body |= change
    bare = body["kind"] in ("broadcast.order", "relay.set")
    await desk.take(json.dumps(body).encode() if bare else signed(body))
    assert (desk.states()[-1], desk.receipts()[-1]["reason_code"]) == (state, code)
    assert desk.rung == 0


@simulated
async def test_an_expired_command_is_never_carried_out_whatever_the_clock_rests_on():
    desk = Desk()
    desk.set_wall(NOW_MS + 61_000)
    await desk.take(desk.command(ttl_s=60), desk.command(ttl_s=62))
    assert desk.states() == ["expired", "accepted", "done"]
    assert desk.receipts()[1]["at"] == rfc3339(NOW_MS + 61_000)


@simulated
async def test_without_wall_time_the_time_to_live_counts_from_receipt():
    desk = Desk()
    long_ago = desk.command(ttl_s=60, issued_ms=NOW_MS - 10**9)
    await desk.take(long_ago)
    assert desk.states() == ["accepted", "done"]


@simulated
async def test_only_so_many_of_a_kind_act_at_once_and_the_others_have_their_turn():
    desk = Desk()
    desk.hold = asyncio.Event()
    bells = [desk.command() for _ in range(OPEN_MAX)]
    taking = asyncio.ensure_future(desk.take(*bells, desk.command(), desk.command("ping")))
    await asyncio.sleep(1)
    assert desk.ringing == ACTING_MAX
    assert desk.states().count("accepted") == OPEN_MAX + 1
    turned_away = [r["reason_code"] for r in desk.receipts() if r["state"] == "refused"]
    assert turned_away == ["inbox.busy"]
    assert desk.states().count("done") == 1  # who only asks is in nobody's way
    desk.hold.set()
    await taking
    assert desk.rung == OPEN_MAX


@simulated
async def test_another_kind_does_not_wait_for_it():
    desk = Desk()
    desk.hold = asyncio.Event()
    bells = [desk.command() for _ in range(ACTING_MAX + 1)]
    asked = desk.command("ping")
    taking = asyncio.ensure_future(desk.take(*bells, asked))
    await asyncio.sleep(1)
    done = [receipt["of"] for receipt in desk.receipts() if receipt["state"] == "done"]
    assert done == [json.loads(asked)["id"]]
    desk.hold.set()
    await taking


@simulated
async def test_one_that_waits_for_its_turn_can_be_taken_back():
    desk = Desk()
    desk.hold = asyncio.Event()
    bells = [desk.command() for _ in range(ACTING_MAX + 1)]
    first, last = (json.loads(bell)["id"] for bell in (bells[0], bells[-1]))
    taking = asyncio.ensure_future(desk.take(*bells))
    await asyncio.sleep(1)
    with pytest.raises(CommandRefused, match="not-cancellable"):
        desk.inbox.cancel(first)
    assert desk.inbox.cancel(last) is CommandState.ACCEPTED
    desk.hold.set()
    await taking
    assert desk.rung == ACTING_MAX
    assert {r["of"]: r.get("reason_code") for r in desk.receipts()}[last] == "inbox.cancelled"


@simulated
async def test_one_that_waits_too_long_is_never_carried_out():
    desk = Desk()
    desk.hold = asyncio.Event()
    bells = [desk.command(ttl_s=60) for _ in range(ACTING_MAX)]
    taking = asyncio.ensure_future(desk.take(*bells, desk.command(ttl_s=5)))
    await asyncio.sleep(6)
    desk.hold.set()
    await taking
    assert desk.rung == ACTING_MAX
    assert desk.states().count("expired") == 1


@simulated
async def test_memory_is_bounded_and_what_is_forgotten_is_never_repeated():
    desk = Desk()
    first = desk.command(ttl_s=1)
    await desk.take(first)
    for _ in range(COMMANDS_MAX + 20):
        await asyncio.sleep(1)
        await desk.take(desk.command(ttl_s=1))
    assert len(await desk.rig.journal.load("inbox-district")) <= COMMANDS_MAX + 1
    rung = desk.rung
    await desk.take(first)
    desk.inbox = desk.new_inbox()
    await desk.inbox.load()
    await desk.take(first)
    assert desk.rung == rung
    assert [r["reason_code"] for r in desk.receipts()[-2:]] == ["inbox.forgotten"] * 2


@simulated
async def test_unexpired_commands_are_not_forgotten_for_new_ones():
    desk = Desk()
    for _ in range(COMMANDS_MAX):
        await desk.take(desk.command(ttl_s=86_400))
    await desk.take(desk.command())
    assert desk.receipts()[-1]["reason_code"] == "inbox.busy"
    assert desk.rung == COMMANDS_MAX


@simulated
async def test_ping_and_replay():
    desk = Desk()
    async with desk.rig.running():
        await desk.rig.fact(Lane.TELEMETRY, 30)
        await desk.rig.until_settled()
        desk.rig.platform.batches.clear()
        await desk.take(desk.command("ping"))
        await desk.take(
            desk.command("feed.replay", data={"lane": "telemetry", "from": 11, "to": 99})
        )
        await desk.take(desk.command("feed.replay", data={"lane": "milk", "from": 1, "to": 2}))
        await desk.take(desk.command("feed.replay", data={"lane": "alarm", "from": 1, "to": 2}))
    details = [receipt.get("detail") for receipt in desk.receipts() if receipt["state"] == "done"]
    assert details == [{"trust": "none", "uptime_s": 1000}, {"events": 20, "gaps": 0, "to": 30}]
    assert desk.states().count("failed") == 2
    assert sum(lanes.count("telemetry") for lanes in desk.rig.platform.batches) == 20


@simulated
async def test_a_replay_ends_with_its_command():
    desk = Desk()
    desk.rig.platform.away = True
    await desk.rig.fact(Lane.TELEMETRY, 30)
    async with desk.rig.running():
        data = {"lane": "telemetry", "from": 1, "to": 30}
        await desk.take(desk.command("feed.replay", ttl_s=30, data=data))
        assert desk.receipts()[-1]["reason_code"] == "inbox.expired"


class Post:
    """An uplink that hands out commands as scripted."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, str]] = []

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        self.asked.append((asyncio.get_running_loop().time(), since.after))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if not answer:
            await asyncio.sleep(wait_s)
        return PollAnswer(answer)


@simulated
async def test_polling_goes_on_after_the_newest_command():
    desk = Desk()
    command = desk.command()
    post = Post([command], PlatformUnreachable("upstream.timeout"), [])
    await desk.poll(post, for_s=600)
    assert [after for _, after in post.asked[:3]] == ["", *[json.loads(command)["id"]] * 2]
    assert 10 <= len(post.asked) <= 14
    assert desk.rung == 1


@simulated
async def test_a_platform_that_repeats_itself_is_answered_ever_more_rarely():
    desk = Desk()
    post = Post([desk.command()])
    await desk.poll(post, for_s=3600)
    assert desk.rung == 1
    assert len(post.asked) >= 3600
    assert 60 < len(desk.receipts()) < 75


@simulated
async def test_a_new_command_behind_repeated_ones_is_not_kept_waiting():
    desk = Desk()
    known = [desk.command() for _ in range(31)]
    began_s = asyncio.get_running_loop().time()

    class Repeating(Post):
        async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
            answer = await super().commands(since, wait_s)
            if asyncio.get_running_loop().time() >= began_s + 1800:
                return PollAnswer([*answer.commands, new])
            return answer

    new = desk.command()
    await desk.poll(Repeating(known), for_s=1802)
    assert desk.rung == 32


@simulated
async def test_what_is_turned_away_again_and_again_is_answered_ever_more_rarely():
    desk = Desk()
    post = Post([desk.command(station="another")])
    await desk.poll(post, for_s=3600)
    assert 60 < len(desk.receipts()) < 75


@simulated
async def test_a_platform_that_does_not_wait_is_asked_once_a_second():
    desk = Desk()

    class Hasty(Post):
        async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
            return await super().commands(since, 0)

    post = Hasty([])
    await desk.poll(post, for_s=60)
    assert len(post.asked) <= 61


@given(
    st.binary(max_size=300)
    | st.dictionaries(st.text(max_size=9), st.integers()).map(
        lambda made: json.dumps(made).encode()
    )
)
@settings(max_examples=300)
def test_garbage_is_refused_never_raised(raw):
    with pytest.raises(CommandRefused) as raised:
        parse_command(raw)
    assert raised.value.code == "inbox.malformed"


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_wall_time_is_exact_to_the_microsecond(moment):
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert parse_rfc3339(moment.isoformat()) == since // datetime.timedelta(microseconds=1) * 1000


def test_every_state_is_reached_and_only_accepted_moves_on():
    reached = {state for states in MOVES.values() for state in states}
    assert reached == set(CommandState) - {CommandState.DUPLICATE}
    assert set(MOVES) == {None, CommandState.ACCEPTED}

"""The same command over two uplinks: carried out once, whichever brings it first."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.event import Trust
from gateway.signing import Signer
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_store import state_rooms
from gateway.upstream.inbox.inbox import OPEN_MAX, Inbox
from tests.sim.loop import simulated
from tests.upstream.ledger import STATION
from tests.upstream.test_inbox import HAND, NOW_MS, Bell, Desk

OTHER_HAND = Signer(bytes(32))


class Roads(Desk):
    """Two inboxes of one station; the second may be another platform's."""

    def __init__(self, second: Signer = HAND) -> None:
        self.hands = {"district": HAND, "mobile": second}
        super().__init__()
        self.open()

    def open(self) -> None:
        self.roads = {name: self.road(name) for name in self.hands}
        self.inbox = self.roads["district"]
        for name, inbox in self.roads.items():
            others = [each.siblings for n, each in self.roads.items() if n != name]
            inbox.siblings.others = lambda others=others: others

    def road(self, name: str) -> Inbox:
        rig = self.rig
        kinds = [
            CommandKind("bell", Bell, self.ring, cancellable=True),
            CommandKind("broadcast.siren", Bell, self.ring, ExecutionGuarantee.AT_LEAST_ONCE),
            ping_command(rig.clock),
        ]
        keys = CommandKeys(Path("/nowhere"), self.hands[name].public)
        return Inbox(name, rig.journal, rig.clock, station=STATION, kinds=kinds, keys=keys)

    async def by(self, *roads: str, command: bytes) -> None:
        async with asyncio.TaskGroup() as acting:
            for road in roads:
                await self.roads[road].handle_command(command, acting)

    def tell_time(self, **wall_ms: int) -> None:
        for name, each_ms in wall_ms.items():
            self.rig.clock.learn(Trust.PLATFORM, each_ms * 1_000_000, 1_000_000, name)

    def rewrite(self, name: str, command: bytes, how: Callable[[bytes], bytes]) -> None:
        """Whatever that inbox kept of the command is that on the disk."""
        row = (state_rooms(name)[0], json.loads(command)["id"])
        self.rig.journal.state[row] = how(self.rig.journal.state[row])

    async def killed(self) -> None:
        self.open()
        for inbox in self.roads.values():
            await inbox.load()


def without_issuer(body: bytes) -> bytes:
    return json.dumps({k: v for k, v in json.loads(body).items() if k != "issuer"}).encode()


@simulated
async def test_a_command_that_comes_over_both_is_carried_out_once():
    desk = Roads()
    command = desk.command()
    await desk.by("district", "mobile", command=command)
    await asyncio.sleep(1)
    await desk.by("mobile", command=command)
    assert desk.rung == 1
    assert desk.states() == ["accepted", "duplicate", "done", "duplicate"]
    assert desk.receipts()[-1]["detail"] == {"state": "done", "detail": {"rung": 1}}


@simulated
async def test_an_emergency_that_comes_over_both_sounds_once():
    desk = Roads()
    await desk.by("mobile", "district", command=desk.command("broadcast.siren"))
    assert desk.rung == 1


@simulated
async def test_a_kill_between_the_two_changes_nothing():
    desk = Roads()
    command = desk.command()
    await desk.by("district", command=command)
    await desk.killed()
    await desk.by("mobile", command=command)
    assert desk.rung == 1
    assert desk.states() == ["accepted", "done", "duplicate"]


@simulated
async def test_another_platform_s_command_of_the_same_id_is_another():
    desk = Roads(second=OTHER_HAND)
    body = json.loads(desk.command())
    del body["signature"]
    for road, hand in desk.hands.items():
        await desk.by(road, command=json.dumps({**body, "signature": hand.sign(body)}).encode())
    assert desk.rung == 2


@simulated
async def test_what_concerns_the_uplink_is_answered_for_each():
    desk = Roads()
    await desk.by("district", "mobile", command=desk.command("ping"))
    assert desk.states() == ["accepted", "accepted", "done", "done"]


@simulated
async def test_a_command_is_cancelled_over_the_other_uplink():
    desk = Roads()
    desk.hold = asyncio.Event()
    command = desk.command()
    cancel = desk.command("command.cancel", data={"of": json.loads(command)["id"]})
    async with asyncio.TaskGroup() as acting:
        await desk.roads["district"].handle_command(command, acting)
        await asyncio.sleep(1)
        await desk.roads["mobile"].handle_command(cancel, acting)
    assert desk.rung == 0
    assert [r["reason_code"] for r in desk.receipts() if r["state"] == "failed"] == [
        "inbox.cancelled"
    ]


@pytest.mark.parametrize("kind", ["bell", "broadcast.siren"])
@simulated
async def test_what_expired_by_one_platform_s_clock_is_judged_by_the_other_s(kind):
    desk = Roads()
    desk.tell_time(district=NOW_MS + 3_600_000, mobile=NOW_MS)
    command = desk.command(kind)
    await desk.by("district", command=command)
    await desk.by("mobile", command=command)
    await desk.by("district", command=command)
    assert desk.states() == ["expired", "accepted", "done", "duplicate"]
    assert desk.rung == 1


@simulated
async def test_what_one_had_no_room_for_is_taken_by_the_other_and_cancelled_over_either():
    desk = Roads()
    first, second = asyncio.Event(), asyncio.Event()
    command = desk.command()
    cancel = desk.command("command.cancel", data={"of": json.loads(command)["id"]})
    async with asyncio.TaskGroup() as acting:
        desk.hold = first
        for _ in range(OPEN_MAX):
            await desk.roads["district"].handle_command(desk.command(), acting)
        await asyncio.sleep(1)
        desk.hold = second
        for road in ("district", "mobile"):
            await desk.roads[road].handle_command(command, acting)
        assert desk.states()[-2:] == ["refused", "accepted"]
        await asyncio.sleep(1)
        desk.hold = None
        first.set()
        await asyncio.sleep(1)
        await desk.roads["district"].handle_command(cancel, acting)
        await asyncio.sleep(1)
        second.set()
    assert desk.rung == OPEN_MAX
    ends = {r["of"]: r.get("reason_code") for r in desk.receipts()}
    assert ends[json.loads(command)["id"]] == "inbox.cancelled"


@pytest.mark.parametrize(("kind", "rung"), [("bell", 1), ("broadcast.siren", 2)])
@simulated
async def test_a_damaged_record_counts_for_the_other_inbox_too_but_for_an_emergency(kind, rung):
    desk = Roads()
    command = desk.command(kind)
    await desk.by("district", command=command)
    desk.rewrite("district", command, lambda _: b"\xff\x00")
    await desk.killed()
    await desk.by("mobile", command=command)
    assert desk.rung == rung


@simulated
async def test_a_record_of_a_version_that_kept_no_issuer_counts_for_the_other_inbox_too():
    desk = Roads()
    command = desk.command()
    await desk.by("district", command=command)
    desk.rewrite("district", command, without_issuer)
    await desk.killed()
    await desk.by("mobile", command=command)
    assert desk.rung == 1
    assert desk.states() == ["accepted", "done", "duplicate"]


@pytest.mark.parametrize("rewritten", [lambda _: b"\xff\x00", without_issuer])
@simulated
async def test_an_unnamed_record_of_another_platform_counts_for_nothing(rewritten):
    desk = Roads(second=OTHER_HAND)
    command = desk.command()
    body = json.loads(command)
    del body["signature"]
    await desk.by("district", command=command)
    desk.rewrite("district", command, rewritten)
    await desk.killed()
    signed = {**body, "signature": OTHER_HAND.sign(body)}
    await desk.by("mobile", command=json.dumps(signed).encode())
    assert desk.rung == 2


@simulated
async def test_what_nobody_signed_takes_no_signed_command_s_id():
    desk = Roads()
    command = desk.command()
    await desk.by("district", command=desk.command("ping", id=json.loads(command)["id"]))
    await desk.by("mobile", command=command)
    assert desk.rung == 1


@simulated
async def test_polling_waits_until_the_other_knows_what_it_did():
    desk = Roads()
    ready = asyncio.create_task(desk.roads["mobile"].siblings.wait_loaded())
    await asyncio.sleep(5)
    assert not ready.done()
    await desk.roads["district"].load()
    await asyncio.sleep(0.1)
    assert ready.done()
    desk.open()
    began_s = asyncio.get_running_loop().time()
    await desk.roads["mobile"].siblings.wait_loaded()
    assert asyncio.get_running_loop().time() - began_s <= 10.1

"""Commands that must not be carried out: none is, and each is answered."""

import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from gateway.demo.platform.command_issuer import CommandForm, rfc3339, uuid7
from gateway.event import Lane, Trust
from gateway.signing import Signer
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.command import (
    COMMAND_BYTES_MAX,
    CommandKind,
    ExecutionGuarantee,
    preview_command,
)
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from tests.sim.loop import run
from tests.upstream.harness import Rig, until
from tests.upstream.ledger import STATION
from tests.upstream.real_uplink import Road, platform_at

SEED = int(os.environ.get("YIZHAN_SEED", "20261124"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
NOW_MS = 1_795_000_000_000


class Play(msgspec.Struct, frozen=True):
    clip: str
    padding: str = ""


class Horn:
    """Counts what it was made to play."""

    def __init__(self) -> None:
        self.played: list[tuple[str, str]] = []

    async def play(self, asked: Play, mandate) -> dict:
        self.played.append((mandate.id, asked.clip))
        return {"clip": asked.clip}

    def kinds(self) -> list[CommandKind]:
        return [
            CommandKind("broadcast.play", Play, self.play),
            CommandKind("broadcast.siren", Play, self.play, ExecutionGuarantee.AT_LEAST_ONCE),
        ]


@contextlib.asynccontextmanager
async def town(tmp_path):
    """A platform with its key, a station that knows it, a horn."""
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        await until(lambda: road.sender.vitals.state == "up")
        road.clock.learn(Trust.PLATFORM, time.time_ns(), 1_000_000)
        horn = Horn()
        keys = CommandKeys(tmp_path / "key", platform.hand.signer.public)
        inbox = Inbox(
            "d", road.journal, road.clock, station=STATION, keys=keys,
            kinds=[ping_command(road.clock), *horn.kinds()],
        )  # fmt: skip
        await inbox.load()
        task = asyncio.ensure_future(inbox.run(road.uplink, random.Random(1)))
        try:
            yield platform, horn
        finally:
            task.cancel()
            await asyncio.wait([task])


PLAY = CommandForm(STATION, "broadcast.play", {"clip": "notice"}, manner="signed")
FORMS = {
    "forged": ({"manner": "forged"}, "refused", "inbox.forged"),
    "a forged question": (
        {"kind": "ping", "data": {}, "manner": "forged"},
        "refused",
        "inbox.forged",
    ),
    "unsigned": ({"manner": "unsigned"}, "refused", "inbox.unsigned"),
    "stale": ({"ttl_s": -1.0}, "refused", "inbox.expired"),
    "elsewhere": ({"names": "balizhuang-02"}, "refused", "inbox.wrong-station"),
    "unknown": ({"kind": "coffee.make"}, "refused", "inbox.unavailable"),
    "other data": ({"data": {"song": 3}}, "refused", "inbox.malformed"),
    "1 MB": ({"pad_bytes": 1 << 20}, "refused", "inbox.too-large"),
}


@pytest.mark.parametrize("case", sorted(FORMS))
async def test_it_is_answered_and_not_carried_out(tmp_path, case):
    change, state, code = FORMS[case]
    state = "expired" if case == "stale" else state
    async with town(tmp_path) as (platform, horn):
        name = platform.orders.issue(msgspec.structs.replace(PLAY, **change))
        await until(lambda: platform.store.find(name).state == state)
        assert platform.store.find(name).reason == code
        assert horn.played == []


async def test_what_is_right_is_carried_out_once_however_often_it_comes(tmp_path):
    async with town(tmp_path) as (platform, horn):
        name = platform.orders.issue(msgspec.structs.replace(PLAY, times=5))
        await until(lambda: platform.store.find(name).state == "done")

        def duplicates() -> int:
            return [step.state for step in platform.store.life(name)].count("duplicate")

        await until(lambda: duplicates() > 0)
        platform.orders.reissue(name)
        later = platform.orders.issue(PLAY)
        await until(lambda: platform.store.find(later).state == "done")
        assert duplicates() <= 2  # answered once, and again after a second
        assert horn.played == [(name, "notice"), (later, "notice")]


async def flood(tmp_path, count: int) -> float:
    """So many at once, half of them forged; an emergency after them all. How long that waited."""
    async with town(tmp_path) as (platform, horn):
        for manner, share in (("forged", count // 2), ("unsigned", count - count // 2)):
            platform.orders.issue(
                msgspec.structs.replace(PLAY, manner=manner, count=share, ttl_s=3600)
            )
        began = time.monotonic()
        siren = platform.orders.issue(
            msgspec.structs.replace(PLAY, kind="broadcast.siren", ttl_s=3600)
        )
        await until(lambda: platform.store.find(siren).state == "done", within_s=240)
        took_s = time.monotonic() - began
        await until(lambda: set(platform.store.tally()) == {"refused", "done"}, within_s=240)
        assert platform.store.tally() == {"refused": count, "done": 1}
        assert horn.played == [(siren, "notice")]
        return took_s


async def test_a_flood_is_answered_to_the_last_and_moves_nothing(tmp_path):
    await flood(tmp_path, 320)


@pytest.mark.proof
async def test_ten_thousand_at_once(tmp_path):
    count = max(500, int(10_000 * SHARE))
    took_s = await flood(tmp_path, count)
    print(f"{count} at once, all answered, 0 acted on; the emergency behind them: {took_s:.1f} s")


def body(serial: int, signer: Signer) -> dict:
    command = {
        "id": uuid7(NOW_MS + serial),
        "kind": ("broadcast.play", "broadcast.siren")[serial % 2],
        "station": STATION,
        "issued": rfc3339(NOW_MS),
        "expires": rfc3339(NOW_MS + 60_000),
        "data": {"clip": f"clip-{serial}"},
    }
    return {**command, "signature": signer.sign(command)}


def wounded(command: dict, rng: random.Random) -> bytes:
    """The command with something wrong: in its bytes, in its fields, or in its length."""
    raw = bytearray(json.dumps(command).encode())
    match rng.randrange(5):
        case 0:
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        case 1:
            del raw[rng.randrange(len(raw)) :]
        case 2:
            at = rng.randrange(len(raw))
            raw[at:at] = rng.randbytes(rng.randrange(1, 40))
        case 3:
            field = rng.choice([*command, "extra"])
            worse = rng.choice([None, 7, [], {}, "x", True, "\x00", "9" * 400, {"clip": "other"}])
            return json.dumps({**command, field: worse}).encode()
        case _:
            return rng.randbytes(rng.randrange(1, 300))
    return bytes(raw)


async def fuzz(count: int, seed: int) -> Counter:
    """Whatever comes: only what was signed is carried out, as it was signed, once."""
    rig, horn, rng, signer = Rig(), Horn(), random.Random(seed), Signer(b"f" * 32)
    keys = CommandKeys(Path("/nowhere"), signer.public)
    inbox = Inbox("d", rig.journal, rig.clock, station=STATION, kinds=horn.kinds(), keys=keys)
    signed: dict[str, str] = {}
    readable: set[str] = set()
    for serial in range(count):
        command = body(serial, signer)
        signed[command["id"]] = command["data"]["clip"]
        raw = wounded(command, rng)
        with contextlib.suppress(ValueError, TypeError, KeyError):
            known = json.loads(raw)["id"]
            readable |= {known} & signed.keys()
        async with asyncio.TaskGroup() as acting:
            await inbox.handle_command(raw, acting)
    answered = {
        json.loads(b"{" + entry.body)["data"]["of"] for entry in rig.journal.lanes[Lane.SERVICE]
    }
    assert len(horn.played) == len({name for name, _ in horn.played})
    assert all(signed[name] == clip for name, clip in horn.played)
    assert readable <= answered
    return Counter(acted=len(horn.played), answered=len(answered), unreadable=count - len(answered))


def test_fuzzed_commands_move_nothing():
    run(fuzz(1000, SEED))


@pytest.mark.proof
def test_ten_thousand_fuzzed():
    count = max(1000, int(10_000 * SHARE))
    print(f"{count} fuzzed, seed {SEED}: {dict(run(fuzz(count, SEED)))}")


def test_the_kind_of_garbage_is_no_kind():
    assert {preview_command(raw).kind for raw in (b"\xff", b"[]", b'{"kind": 3}')} == {""}
    assert preview_command(b'{"kind":"ping","x":"' + b"0" * COMMAND_BYTES_MAX + b'"}').kind == ""
    assert preview_command(b'{"kind":"ping"}').kind == "ping"


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"root":"\xff","key":""}', b"\x00" * 40])
def test_no_key_is_in_force_where_its_file_is_damaged(tmp_path, broken):
    (tmp_path / "key").write_bytes(broken)
    assert CommandKeys(tmp_path / "key", "root").key is None

"""A platform's signed orders through the real inbox and the real room, killed at any step between
store, act and receipt; what the community heard, and what the platform was told.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from broadcast.material.presets import Presets
from broadcast.playback.service import BroadcastService
from broadcast.policy.quiet_hours import S
from broadcast.triggers.commands import BroadcastCommands
from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.event import Lane, Trust
from gateway.signing import Signer
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from tests.broadcast.playback.fake_audio import World
from tests.broadcast.policy.zones import HOUSE
from tests.sim.journal import STATION

NOON_NS = 1_790_049_600 * S
FINAL = {"done", "failed", "refused", "expired"}
# No loudspeaker is in two of them: no order waits for another.
ZONES = ("b3", "b5", "hall")

STEPS = {"append", "prepare", "play"}
HAND = Signer(b"the platform's hand, in the test")


class Plan(NamedTuple):
    """One command of a schedule, as it lies in the platform's hand."""

    cls: str
    ttl_s: int
    handed: int


class Life:
    """One process; somewhere along its steps it is killed. Each commit takes `commit_s`."""

    def __init__(self, steps: int | None, commit_s: float) -> None:
        self.over = asyncio.Event()
        self.commit_s = commit_s
        self._left = steps

    async def step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self.over.set()
        if self.over.is_set():
            await asyncio.Future()  # nothing that it was about to do happens


class Mortal:
    """The journal or the audio process, as used by who may die before and after each act."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in STEPS:
            return found

        async def act(*given: Any, **named: Any) -> Any:
            if name == "append":
                await asyncio.sleep(self._life.commit_s)
            await self._life.step()
            came = await found(*given, **named)
            await self._life.step()
            return came

        return act


class Street(World):
    """The world of the orders, with a platform that commands and reads receipts."""

    def __init__(self, plans: list[Plan], commit_s: float = 0) -> None:
        super().__init__(NOON_NS)
        self._commit_s = commit_s
        self.clock.learn(Trust.PLATFORM, NOON_NS, S // 10)
        now_ms = NOON_NS // 1_000_000
        self.plans = {uuid7(now_ms + n): plan for n, plan in enumerate(plans)}
        self._bodies = {
            name: self._body(name, plan, ZONES[n])
            for n, (name, plan) in enumerate(self.plans.items())
        }

    @staticmethod
    def _body(name: str, plan: Plan, zone: str) -> bytes:
        now_ms = NOON_NS // 1_000_000
        command = {
            "id": name,
            "kind": "broadcast.play",
            "station": STATION,
            "issued": rfc3339(now_ms),
            "expires": rfc3339(now_ms + plan.ttl_s * 1000),
            "data": {"zones": [zone], "text": "请注意", "class": plan.cls},
        }
        return msgspec.json.encode({**command, "signature": HAND.sign(command)})

    async def live(self, steps: int | None, for_s: float) -> None:
        """One life: killed after so many steps, or stopped after so long."""
        life = Life(steps, self._commit_s)
        journal, engine = Mortal(self.journal, life), Mortal(self.engine, life)
        self.room = BroadcastService(journal, self.clock, HOUSE, engine, self.studio)
        remote = BroadcastCommands("d", self.room, Presets(journal, {}), self.clock, None)
        inbox = Inbox(
            "d", journal, self.clock, station=STATION, kinds=remote.kinds(),
            keys=CommandKeys(Path("/nowhere"), HAND.public),
        )  # fmt: skip
        await self.room.load()
        self.room.reconcile(await self.engine.fetch_state())
        self._running = asyncio.ensure_future(self.room.run())
        await inbox.load()
        listening = asyncio.ensure_future(inbox.run(self, random.Random(1)))
        ended = asyncio.ensure_future(life.over.wait())
        await asyncio.wait({listening, ended}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        assert not listening.done(), "the inbox ended by itself"
        for task in (listening, ended):
            task.cancel()
        await asyncio.gather(listening, ended, return_exceptions=True)
        await self.kill()
        await asyncio.sleep(0.1)  # what the kernel had in its hands is on disk, or never will be

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """The platform's long poll: what it has not seen ended, some of it more than once."""
        await asyncio.sleep(0.01)
        told = await self.told()
        found = [
            self._bodies[name]
            for name, plan in self.plans.items()
            if name > since.after and not FINAL & set(told[name])
            for _ in range(plan.handed)
        ]
        if not found:
            await asyncio.sleep(wait_s)
        return PollAnswer(found)

    async def told(self) -> dict[str, list[str]]:
        """The states in the receipts of each command, in order."""
        states: dict[str, list[str]] = {name: [] for name in self.plans}
        after = 0
        while entries := await self.journal.read(Lane.SERVICE, after):
            after = entries[-1].seq
            bodies = [msgspec.json.decode(b"{" + entry.body) for entry in entries]
            for body in bodies:
                if body["type"] == "cn.yizhan.command.receipt.v1":
                    states[body["data"]["of"]].append(body["data"]["state"])
        return states

    async def unheard(self) -> list[str]:
        """The orders of which the room has said that their time passed before they were played."""
        bodies = [
            msgspec.json.decode(b"{" + entry.body)
            for lane in Lane
            for entry in await self.journal.read(lane, 0)
        ]
        return [
            body["data"]["order"]
            for body in bodies
            if body["type"] == "cn.yizhan.broadcast.expired.v1"
        ]

    @property
    def begun(self) -> Counter[str]:
        """How often each order has begun to sound, on any of its turns."""
        sounding = [*self.engine.heard, *self.engine._playing.values()]
        return Counter(each.programme.id.partition("~")[0] for each in sounding)

    def late(self) -> list[str]:
        """What began after its expiry."""
        ends_ns = {
            name: self.clock.now_ns() + NOON_NS + plan.ttl_s * S - self.true_ns()
            for name, plan in self.plans.items()
        }
        return [
            heard.programme.id
            for heard in self.engine.heard
            if heard.began_ns > ends_ns[heard.programme.id.partition("~")[0]]
        ]


async def story(plans: list[Plan], lives: list[tuple[int, float]], commit_s: float = 0) -> Street:
    """Kill it after so many steps, leave it dead for so long, again and again; then let it live."""
    street = Street(plans, commit_s)
    for steps, dead_s in lives:
        await street.live(steps, for_s=600)
        await asyncio.sleep(dead_s)
    back_s = (street.true_ns() - NOON_NS) / S
    await street.live(None, for_s=900)
    await check(street, back_s)
    return street


async def check(street: Street, back_s: float) -> None:
    """What must hold whatever was killed when; `back_s`: when it was last started."""
    told, begun, unheard = await street.told(), street.begun, await street.unheard()
    assert street.late() == []
    assert [name for name in unheard if begun[name]] == []
    for name, plan in street.plans.items():
        what = (plan, told[name], begun[name])
        assert begun[name] <= 1, what
        ends = [state for state in told[name] if state in FINAL]
        assert len(ends) == 1, what
        assert not (begun[name] and ends != ["done"]), what
        if plan.cls == "emergency" and back_s + 2 < plan.ttl_s:
            assert begun[name] == 1, what
            assert ends == ["done"], what

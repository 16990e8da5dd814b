"""A station that is killed at any step of taking a command, and what its loudspeaker did."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.event import Lane, Trust
from gateway.signing import Signer
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from tests.upstream.harness import loop_clock
from tests.upstream.ledger import STATION, MemoryJournal

NOW_MS = 1_795_000_000_000
FINAL = {"done", "failed", "refused", "expired"}


HAND = Signer(b"the platform's hand, in the test")


class Killed(BaseException):
    """The process is dead: nothing that it was about to do happens, and no edge contains that."""


class Asked(msgspec.Struct):
    takes_ms: int = 0

    @property
    def takes_s(self) -> float:
        return self.takes_ms / 1000


class Plan(NamedTuple):
    """One command of a schedule."""

    kind: str
    ttl_s: int
    takes_s: float
    handed: int


class World:
    """What survives a kill: the journal, the platform, the loudspeaker (and its memory of ids)."""

    def __init__(self, plans: list[Plan]) -> None:
        self.clock = loop_clock()
        self.clock.learn(Trust.NTP, NOW_MS * 1_000_000, 1_000_000)
        self.began_s = asyncio.get_running_loop().time()
        self.journal = Disk(self)
        self.steps_left: int | None = None
        self.began: Counter[str] = Counter()
        self.order: list[str] = []
        self.late: list[str] = []
        self.sounded: set[str] = set()
        self.plans = {uuid7(NOW_MS + n): plan for n, plan in enumerate(plans)}

    def step(self) -> None:
        """Somewhere along here the power goes."""
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Killed

    def now_ms(self) -> int:
        return NOW_MS + round((asyncio.get_running_loop().time() - self.began_s) * 1000)

    def expires_ms(self, name: str) -> int:
        return NOW_MS + self.plans[name].ttl_s * 1000

    def body(self, name: str) -> bytes:
        plan = self.plans[name]
        command = {
            "id": name,
            "kind": plan.kind,
            "station": STATION,
            "issued": rfc3339(NOW_MS),
            "expires": rfc3339(self.expires_ms(name)),
            "data": {"takes_ms": round(plan.takes_s * 1000)},
        }
        return json.dumps({**command, "signature": HAND.sign(command)}).encode()

    def told(self) -> dict[str, list[str]]:
        """The receipts of each command, in order."""
        found: dict[str, list[str]] = {name: [] for name in self.plans}
        for entry in self.journal.lanes[Lane.SERVICE]:
            receipt = json.loads(b"{" + entry.body)["data"]
            found[receipt["of"]].append(receipt["state"])
        return found

    def ended(self, name: str) -> bool:
        return bool(FINAL & set(self.told()[name]))

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """The platform's long poll: what has not ended, some of it more than once."""
        self.step()
        await asyncio.sleep(0.01)
        told = self.told()
        found = []
        for name, plan in self.plans.items():
            if name > since.after and not FINAL & set(told[name]):
                found += [self.body(name)] * plan.handed
        if not found:
            await asyncio.sleep(wait_s)
        return PollAnswer(found)

    async def ring(self, asked: Asked, mandate) -> dict:
        """An act that must never be repeated: a relay."""
        self.step()
        self.note(mandate.id)
        await asyncio.sleep(asked.takes_s)
        self.step()
        return {"rung": True}

    async def sound(self, asked: Asked, mandate) -> dict:
        """The loudspeaker: plays an id once, whoever asks again; it is another process."""
        self.step()
        if mandate.id not in self.sounded:
            self.sounded.add(mandate.id)
            self.note(mandate.id)
        await asyncio.sleep(asked.takes_s)
        self.step()
        return {"sounded": True}

    async def settle(self, _asked: Asked, mandate) -> dict:
        """After a kill: tells, and never acts."""
        self.step()
        return {"began": self.began[mandate.id] > 0}

    def note(self, name: str) -> None:
        self.began[name] += 1
        self.order.append(name)
        if self.now_ms() > self.expires_ms(name):
            self.late.append(name)

    def inbox(self) -> Inbox:
        kinds = [
            CommandKind("ring", Asked, self.ring),
            CommandKind("turn", Asked, self.ring, settle=self.settle),
            CommandKind("siren", Asked, self.sound, ExecutionGuarantee.AT_LEAST_ONCE),
            CommandKind("play", Asked, self.sound, urgent=lambda asked: asked.takes_s < 1),
        ]
        keys = CommandKeys(Path("/nowhere"), HAND.public)
        return Inbox("d", self.journal, self.clock, station=STATION, kinds=kinds, keys=keys)

    async def live(self, steps: int | None, for_s: float) -> None:
        """One life: until killed after so many steps, or stopped after so long."""
        self.steps_left = steps
        inbox = self.inbox()
        await inbox.load()
        try:
            async with asyncio.timeout(for_s):
                await inbox.run(self, random.Random(1))
        except* (Killed, TimeoutError):
            pass


class Disk(MemoryJournal):
    """The journal; the power may go before an append is on disk, or just after."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def append(self, events, state=()):
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            await super().append(events, state)  # the writer's thread ends what it has begun
            raise
        self.world.step()
        made = await super().append(events, state)
        self.world.step()
        return made

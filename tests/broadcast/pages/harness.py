"""The station of `tests/access` with loudspeakers: the real room, voice and audio process."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from broadcast.order import Authority, Content, LiveContent, Order, OrderClass, PresetContent
from gateway.audit.events import Actor
from gateway.clock.timekeeper import Timekeeper
from gateway.config.load import load
from gateway.config.schema import Settings
from gateway.event import Trust
from gateway.station.broadcast import BroadcastAssembly
from gateway.web.section import Section
from tests.access.harness import Site, site
from tests.broadcast.audio_process.harness import group_of, until
from tests.web.station import WALL_NS

GROUP = group_of(4)
# Eight hours after the pages' afternoon: quiet hours.
NIGHT_NS = WALL_NS + 8 * 3_600_000_000_000

SETTINGS = """schema = 1
[station]
id = "test-1"
name = "望京西园三区驿站"
[journal]
quota_mb = 16
[place]
grid-031 = { name = "第31网格" }
b3 = { name = "3号楼", in = "grid-031" }
b3-lift = { name = "3号楼电梯", in = "b3" }
b5 = { name = "5号楼", in = "grid-031" }
hall = { name = "驿站大厅", in = "grid-031" }
[zone]
all = { name = "全小区", places = ["grid-031"], sound = "community" }
b3 = { name = "3号楼", places = ["b3"], sound = "community" }
b3-lift = { name = "3号楼电梯", places = ["b3-lift"], sound = "near" }
b5 = { name = "5号楼", places = ["b5"], sound = "community" }
hall = { name = "驿站大厅", places = ["hall"], sound = "indoors" }
[speaker.horn-b3]
kind = "multicast"
name = "3号楼号角"
zones = ["all", "b3"]
group = "GROUP"
port = 15004
ttl = 0
interface = "127.0.0.1"
codec = "l16"
[speaker.horn-b5]
kind = "multicast"
name = "5号楼号角"
zones = ["all", "b5"]
group = "GROUP"
port = 15006
ttl = 0
interface = "127.0.0.1"
[speaker.lift]
kind = "multicast"
zones = ["b3-lift"]
group = "GROUP"
port = 15008
ttl = 0
interface = "127.0.0.1"
[speaker.hall]
kind = "multicast"
zones = ["hall"]
group = "GROUP"
port = 15010
ttl = 0
interface = "127.0.0.1"
[broadcast.preset.get-out]
name = "紧急疏散"
class = "emergency"
text = "请注意，请马上沿楼梯离开。"
repeat = 20
[broadcast.preset]
water = { name = "下午停水", text = "各位邻居，今天下午停水。", repeat = 2 }
long = { name = "收旧衣", text = "LONG", repeat = 5 }
[bus.plant]
kind = "modbus-tcp"
address = "127.0.0.1:1"
[device.di]
name = "值班室干接点"
place = "hall"
profile = "generic-di8"
bus = "plant"
address = "9"
inputs.1 = { is = "key", id = "notice-key", name = "值班室通知键", place = "hall" }
inputs.2 = { is = "key", id = "talk-key", name = "值班室话筒键", place = "hall" }
[microphone.duty]
name = "值班室话筒"
device = "mic_a"
[microphone.gone]
name = "传达室话筒"
device = "no-such-card"
[key.talk]
input = "di.talk-key"
order = { microphone = "duty", zone = "b3" }
[key.notice]
input = "di.notice-key"
order = { preset = "water", zone = "hall" }
"""
LONG = "各位邻居，收旧衣的车到了，请把洗干净的旧衣服送到驿站门口。" * 6


def settings(folder: Path) -> Settings:
    """The station's, with loudspeakers on loopback that nobody need hear."""
    file = folder / "config" / "station.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SETTINGS.replace("LONG", LONG).replace("GROUP", GROUP), "utf-8")
    return load(file)


class CastSite(Site):
    """The running station; `sounding` is its broadcast."""

    sounding: BroadcastAssembly

    def wings(self) -> list[Section]:
        """The broadcast's."""
        (self.folder / "run").mkdir(exist_ok=True)
        self.sounding = BroadcastAssembly(
            settings(self.folder),
            self.folder,
            self.folder / "run",
            self.clock,
            self.journal,
            lived_ns=self.clock.now_ns,
        )
        return self.sounding.sections(self.look, self.names)

    @property
    def room(self) -> Any:
        return self.sounding.room

    def wall(self, wall_ns: int | None) -> None:
        """It is that time of day, or nobody knows."""
        self.clock._keeper = Timekeeper()
        if wall_ns is not None:
            self.clock.learn(Trust.NTP, wall_ns, 1_000_000)

    async def order(
        self,
        content: Content,
        *zones: str,
        cls: OrderClass = OrderClass.NOTICE,
        lives_s: float = 600,
    ) -> Any:
        """Somebody presses."""
        order = Order(
            id=self.room.new_id(),
            source="desk",
            zones=zones or ("all",),
            class_=cls,
            authority=Authority.PRESS,
            actor=Actor("staff", "zhang"),
            content=content,
            expires=self.clock.deadline(lives_s),
        )
        return await self.room.place(order)

    async def play(self, preset: str, *zones: str, cls: OrderClass = OrderClass.NOTICE) -> Any:
        """A preset sounds: its first packet has left."""
        receipt = await self.order(PresetContent(preset), *zones, cls=cls)
        with contextlib.suppress(TimeoutError):
            await until(lambda: bool(self.room.require(receipt.of).reached))
        assert self.room.require(receipt.of).reached, self.room.orders()
        return self.room.require(receipt.of)

    async def speak(self, *zones: str) -> Any:
        """Somebody opens a microphone, and nothing more."""
        return await self.order(LiveContent(), *zones, cls=OrderClass.LIVE)

    async def hush_open(self) -> None:
        """Nothing sounds any more."""
        for kept in self.room.orders():
            if kept.open:
                await self.room.cancel(kept.order.id, Actor("system", "test"))

    async def hush(self) -> None:
        """Nothing sounds any more, and nothing was ever asked for."""
        await self.hush_open()
        await self.journal.append([])
        self.room._store.book._kept.clear()
        self.room.monitor.faults.clear()


@contextlib.asynccontextmanager
async def cast_site(folder: Path) -> AsyncIterator[CastSite]:
    """The station with its people, its voice ready."""
    async with site(folder, kind=CastSite) as made:
        assert isinstance(made, CastSite)
        made.wall(WALL_NS)
        await made.furnish()
        await made.sounding.start()
        engine = made.sounding._engine
        try:
            await until(lambda: engine.connected)
            yield made
        finally:
            await made.sounding.stop()
            await end_process(engine)


async def end_process(engine: Any) -> None:
    """The audio process that this station has started goes with it."""
    launch = engine._launch
    if launch.pid is not None:
        os.kill(launch.pid, signal.SIGTERM)
        await until(lambda: not launch.alive())

"""A station made by hand for the web's tests: vital signs, and a journal in memory."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import ClientSession, ClientTimeout, web

from gateway.errors import UsageError
from gateway.event import EventKind, JournalEntry, Lane, Trust
from gateway.faults import log_fault
from gateway.health import (
    BusVitals,
    ClockVitals,
    DeviceVitals,
    JournalVitals,
    LaneVitals,
    PointVitals,
    UplinkVitals,
    Vitals,
)
from gateway.journal.ports import FollowedReader
from gateway.live import section as live
from gateway.web.authorization import Gate
from gateway.web.section import Section
from gateway.web.server import DEFAULT_BOUNDS, ServerLimits, WebOptions, WebServer, build_app

S = 10**9
NOW_NS = 86_400 * S
WALL_NS = 1_795_413_900 * S  # 2026-11-23 14:05 in Shanghai
EPOCH = "0123456789abcdef"

replace = msgspec.structs.replace


def hour(level: float, swing: float, seed: int = 0) -> tuple[float, ...]:
    """A quiet hour of a meter: it wanders about its level and comes back."""
    wander = random.Random(f"{level} {swing} {seed}")
    walked, off = [], 0.0
    for _ in range(120):
        off = 0.9 * off + wander.gauss(0, swing / 3)
        walked.append(round(level + off, 2))
    return tuple(walked)


def point(
    id_: str,
    name: str,
    value: object,
    unit: str,
    quality: str = "good",
    *,
    ago_s: float = 4,
    spark: Sequence[float | None] = (),
) -> PointVitals:
    at_ns = NOW_NS - int(ago_s * S)
    return PointVitals(id_, name, value, unit, quality, at_ns, tuple(spark), 30.0)


def device(id_: str, name: str, bus: str, address: str, *points: PointVitals, state: str = "ok",
           ago_s: float | None = 4) -> DeviceVitals:  # fmt: skip
    at_ns = None if ago_s is None else NOW_NS - int(ago_s * S)
    return DeviceVitals(id_, name, bus, address, "b3", state, NOW_NS - 600 * S, at_ns, points)


DEVICES = (
    device("em-b3", "3号楼总电表", "meters", "1",
           point("power", "有功功率", 18.42, "kW", spark=hour(18, 3)),
           point("energy", "正向有功电能", 128_402.66, "kW.h", spark=hour(128_400, 2)),
           point("voltage-a", "A相电压", 231.4, "V", spark=hour(231, 1.5, 2)),
           point("current-a", "A相电流", 27.31, "A", "out_of_range", spark=hour(27, 4, 3)),
           point("pf", "功率因数", 0.97, "1", spark=hour(0.96, 0.02, 1))),
    device("em-b5", "5号楼总电表", "meters", "2",
           point("power", "有功功率", 22.07, "kW", ago_s=6, spark=hour(21, 4, 1)), ago_s=6),
    device("water-b3", "3号楼水表", "meters", "78330011223344",
           point("flow", "流量", 0.06, "m3/h", ago_s=11, spark=hour(0.06, 0.02, 2)), ago_s=11),
    device("gas-b5", "5号楼燃气表", "meters", "60120045110972",
           point("flow", "流量", 1.9, "m3/h", "stale", ago_s=2280, spark=hour(1.8, 0.3, 4)),
           state="stale", ago_s=2280),
    device("di-b3", "3号楼干接点", "meters", "9",
           point("smoke", "5层烟感", False, "1", ago_s=1),
           point("ebike", "电梯电瓶车", True, "1", ago_s=1), ago_s=1),
    device("heat-in", "换热站供水", "plant", "3",
           point("temp", "温度", 58.4, "Cel", ago_s=8, spark=hour(57, 2, 5)), ago_s=8),
    device("pump", "水泵变频器", "plant", "5",
           point("power", "功率", None, "kW", "timeout", ago_s=540), state="silent", ago_s=540),
    device("heat", "热量表", "plant", "11223300445566",
           point("power", "热功率", 312.6, "kW", ago_s=14, spark=hour(310, 8, 1)), ago_s=14),
    device("parking", "南门停车位", "tcp", "192.168.1.50 / 1",
           point("free", "空位", 37, "1", ago_s=2, spark=hour(36, 5, 2)), ago_s=2),
    device("bin", "东门垃圾桶", "tcp", "192.168.1.50 / 4",
           point("fill", "满度", 82, "%", ago_s=180, spark=hour(70, 10, 3)), ago_s=180),
    device("cover", "12号井盖", "tcp", "192.168.1.50 / 6",
           point("open", "井盖", None, "1", "sensor_fault", ago_s=20), state="faulty", ago_s=20),
)  # fmt: skip

BUSES = (
    BusVitals("meters", "serial", "/dev/ttyUSB0 · 9600 8N1", "up", 0.71, 15, 5, 0, 18_402, 3, 1),
    BusVitals("plant", "serial", "/dev/ttyUSB1 · 2400 8E1", "up", 0.38, 12.5, 3, 1, 9_120, 240, 0),
    BusVitals("tcp", "modbus-tcp", "192.168.1.50:502", "up", 0.12, 5, 3, 0, 40_233, 0, 0),
)

LANES = (
    LaneVitals(Lane.EMERGENCY, 4_102, 4_102, 0, 0),
    LaneVitals(Lane.ALARM, 18_277, 18_277, 0, 0),
    LaneVitals(Lane.SERVICE, 96_413, 96_410, 3, 2),
    LaneVitals(Lane.TELEMETRY, 2_840_157, 2_840_116, 41, 5),
)

NORMAL = Vitals(
    station="wangjing-07",
    name="望京西园三区驿站",
    version="0.1.0",
    at_ns=NOW_NS,
    started_ns=NOW_NS - 7200 * S,
    buses=BUSES,
    devices=DEVICES,
    lanes=LANES,
    uplinks=(
        UplinkVitals("district", "http", "up", NOW_NS - 3600 * S, NOW_NS - 3 * S, 20, 12_240),
    ),
    journal=JournalVitals(EPOCH, False, 120_000_000, 536_870_912, 210_331, 6.2, 0),
    clock=ClockVitals(Trust.NTP, WALL_NS, 31, 0.02),
    values_per_s=46,
    read_to_receipt_ms=38,
)


def waiting() -> Vitals:
    """Just started: nothing read, nothing connected, no clock."""
    fresh = tuple(
        replace(d, state="wait", at_ns=None,
                points=tuple(replace(p, value=None, quality="stale", at_ns=NOW_NS, spark=())
                             for p in d.points))
        for d in DEVICES
    )  # fmt: skip
    return replace(
        NORMAL,
        devices=fresh,
        buses=tuple(replace(b, state="wait", load=0.0, cycle_s=0.0, silent=0) for b in BUSES),
        lanes=tuple(LaneVitals(lane, 0, 0, 0, 0) for lane in Lane),
        uplinks=(UplinkVitals("district", "http", "wait", NOW_NS, None, 0, 0),),
        clock=ClockVitals(Trust.NONE, None, 0, 0),
        values_per_s=0,
        read_to_receipt_ms=None,
    )


def empty() -> Vitals:
    """No bus, no device, no uplink."""
    return replace(waiting(), buses=(), devices=(), uplinks=())


def away() -> Vitals:
    """The platform has not answered for twelve minutes."""
    return replace(
        NORMAL,
        uplinks=(
            UplinkVitals("district", "http", "down", NOW_NS - 720 * S, NOW_NS - 720 * S, 0, 0),
        ),
        lanes=(
            *LANES[:2],
            LaneVitals(Lane.SERVICE, 96_480, 96_410, 70, 715),
            LaneVitals(Lane.TELEMETRY, 2_841_330, 2_840_116, 1_214, 720),
        ),
        clock=ClockVitals(Trust.PERSON, WALL_NS, 10_800, 60),
    )


def volatile() -> Vitals:
    """Storage is lost."""
    return replace(NORMAL, journal=replace(NORMAL.journal, volatile=True, used_bytes=0))


def bus_down() -> Vitals:
    """A line is unplugged: its devices are silent."""
    return replace(
        NORMAL,
        buses=(
            replace(BUSES[0], state="down", load=0.0, silent=5, code="web.unavailable"),
            *BUSES[1:],
        ),
        devices=tuple(
            replace(d, state="silent",
                    points=tuple(replace(p, value=None, quality="timeout") for p in d.points))
            if d.bus == "meters" else d
            for d in DEVICES
        ),
    )  # fmt: skip


def crowd(devices: int = 60, seed: int = 0) -> Vitals:
    """As many devices as a station is meant for, with long names and long numbers."""
    made = [
        device(
            f"em-{i}",
            f"{i % 40 + 1}号楼东单元水泵房总电表",
            BUSES[i % 3].id,
            str(78330011220000 + i),
            *(_energy(i, n, seed) for n in range(5)),
        )
        for i in range(devices)
    ]
    return replace(NORMAL, devices=tuple(made))


def _energy(i: int, n: int, seed: int) -> PointVitals:
    value = round(1_284_402.5 + i * n + seed, 2)
    return point(f"p{n}", f"第{n}路有功电能", value, "kW.h", spark=hour(1000, 50, i + n))


STATES = {
    "normal": lambda: NORMAL,
    "waiting": waiting,
    "empty": empty,
    "away": away,
    "volatile": volatile,
    "bus-down": bus_down,
}


class MemoryJournal:
    """A double of the journal: entries in lists, its followers only look."""

    def __init__(self, epoch: str = EPOCH) -> None:
        self.epoch = epoch
        self.kept: dict[Lane, list[JournalEntry]] = {lane: [] for lane in Lane}
        self._grown = asyncio.Event()
        # So many wait for what is not there yet.
        self.waiting = 0

    def add(self, lane: Lane, count: int = 1, text: str = "x") -> None:
        """Commit `count` entries."""
        for _ in range(count):
            body = b'"source":"/yizhan/t/em-b3","type":"t","data":{"v":"%s"}}' % text.encode()
            self.kept[lane].append(JournalEntry(self.epoch, lane, len(self.kept[lane]) + 1, body))
        self._grown.set()
        self._grown = asyncio.Event()

    def heads(self) -> dict[Lane, int]:
        return {lane: len(entries) for lane, entries in self.kept.items()}

    def follower(self, name: str, *, retaining: bool) -> "MemoryJournal":
        assert name
        assert not retaining
        return self

    async def read(
        self,
        lane: Lane | None = None,
        after: "int | Mapping[Lane, int] | None" = None,
        limit: int = 100,
        *,
        lanes: Collection[Lane] = (),
    ) -> list[JournalEntry]:
        """Both the journal's `read` and its follower's."""
        if lane is not None:
            assert isinstance(after, int)
            return self.kept[lane][after : after + limit]
        assert isinstance(after, Mapping)
        found = [entry for one in sorted(lanes) for entry in self.kept[one][after.get(one, 0) :]]
        return found[:limit]

    async def wait(
        self, lanes: Collection[Lane] = (), after: Mapping[Lane, int] | None = None
    ) -> None:
        assert after is not None
        self.waiting += 1
        try:
            while all(len(self.kept[lane]) <= after.get(lane, 0) for lane in lanes or Lane):
                await self._grown.wait()
        finally:
            self.waiting -= 1


class Meters(NamedTuple):
    """What counts: energy, wherever it is measured; notes what was said to be replaced."""

    said: list[tuple[str, str | None]]

    def points(self, device: str) -> tuple[str, ...]:
        known = {each.id: each for each in DEVICES}.get(device)
        return tuple(p.id for p in known.points if p.id == "energy") if known else ()

    def last_values(self, device: str) -> dict[str, object]:
        return dict.fromkeys(self.points(device), 128_398.2)

    def accept_replacement(self, device: str, point: str | None = None) -> tuple[str, ...]:
        found = tuple(each for each in self.points(device) if point in {None, each})
        if not found:
            raise UsageError("live.no-counter", device=device, point=point or "")
        self.said.append((device, point))
        return found


class Station:
    """The real server over hand-made vital signs."""

    gate: Gate | None = None
    kinds: tuple[EventKind, ...] = ()

    def __init__(self, vitals: Vitals = NORMAL) -> None:
        self.vitals = vitals
        self.journal = MemoryJournal()
        self.replaced: list[tuple[str, str | None]] = []
        self.sections: list[Section] = [live.section(self.look, Meters(self.replaced))]
        self.server: WebServer
        self.app: web.Application
        self.client: ClientSession
        self.faults: list[tuple[str, BaseException]] = []

    def look(self) -> Vitals:
        return self.vitals

    def on_fault(self, where: str, error: BaseException) -> None:
        log_fault(where, error)
        self.faults.append((where, error))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


@contextlib.asynccontextmanager
async def station(
    vitals: Vitals = NORMAL,
    *,
    bounds: ServerLimits = DEFAULT_BOUNDS,
    control: Path | None = None,
    kind: type[Station] = Station,
    feed: FollowedReader | None = None,
) -> AsyncIterator[Station]:
    """A running station on a free port, and a client that talks to it."""
    made = kind(vitals)
    feed = feed or made.journal
    made.app = build_app(
        made.sections,
        vitals=made.look,
        feed=feed,
        gate=made.gate,
        bounds=bounds,
        kinds=made.kinds,
        on_fault=made.on_fault,
    )
    made.server = WebServer(
        made.app, WebOptions(port=0), control=control, bounds=bounds, on_fault=made.on_fault
    )
    try:
        await made.server.start()
        async with ClientSession(made.address, timeout=ClientTimeout(total=60)) as made.client:
            yield made
    finally:
        await made.server.stop()

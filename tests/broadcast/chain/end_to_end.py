"""A street with everything on it: contacts on an emulated RS-485 line, the real station and audio
process, horns by multicast that cannot leave this host, and an ear at each horn.
"""

import asyncio
import contextlib
import datetime
import itertools
import json
import socket
import struct
import subprocess
import time
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import aiohttp

from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.speakers import sdp
from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.profiles import find_profile
from gateway.demo.platform.app import Platform
from gateway.demo.platform.command_issuer import CommandForm
from tests.broadcast.audio_process.harness import WITHIN_S, group_of, membership
from tests.ports import free_port
from tests.station.harness import StationProcess

STATION = "under-test"
READ_CONTACTS = 2
# Each street has a port of its own: the horns of the one before it sound to their own end.
PORTS = itertools.count(5104, 2)

BOTH = 2  # our own ear, and ffmpeg
SO_TIMESTAMPNS, STAMP = 35, struct.Struct("ll")
HORNS = {
    "horn-b3": ("all", "b3"),
    "horn-b5": ("all", "b5"),
    "lift-b3": ("b3-lift",),
    "hall": ("hall",),
}
CONTACTS = {
    "smoke": (1, "smoke", "b3-f5"),
    "ebike": (2, "e-bike", "b3-lift"),
    "notice-key": (3, "key", "hall"),
    "fire": (4, "fire", "hall"),
    "nervous": (5, "smoke", "b5"),
}
LONG = "各位居民请注意，今天下午两点到四点，因为检修需要，三号楼停水，请提前做好准备，谢谢。"
SETTINGS = f"""
[place]
b3 = {{ name = "3号楼" }}
b3-f5 = {{ name = "3号楼5层", in = "b3" }}
b3-lift = {{ name = "3号楼电梯", in = "b3" }}
b5 = {{ name = "5号楼" }}
hall = {{ name = "大厅" }}
[zone]
all = {{ name = "全小区", places = ["b3", "b5"], sound = "community" }}
b3 = {{ name = "3号楼", places = ["b3"], sound = "community" }}
b5 = {{ name = "5号楼", places = ["b5"], sound = "community" }}
b3-lift = {{ name = "3号楼电梯", places = ["b3-lift"], sound = "near" }}
hall = {{ name = "大厅", places = ["hall"], sound = "indoors" }}
[rule.smoke-b3]
use = "smoke"
on = ["di.smoke"]
latch = false
set = {{ for_s = 0, clear_s = 0, flap_s = 0 }}
[rule.nervous]
use = "smoke"
on = ["di.nervous"]
set = {{ for_s = 0, clear_s = 0 }}
[rule.ebike]
use = "e-bike-in-lift"
on = ["di.ebike"]
set = {{ for_s = 0, clear_s = 0 }}
[duty]
roster = [{{ who = "duty", at = "00:00-24:00", by = ["desk"] }}]
[linkage.smoke-b3]
when = "smoke-b3"
do = [{{ announce = "smoke", zone = "b3", class = "emergency", expires_s = 600 }}]
[linkage.nervous]
when = "nervous"
do = [{{ announce = "smoke", zone = "b5", class = "emergency", expires_s = 600 }}]
cooldown_s = 300
[linkage.ebike]
when = "ebike"
do = [{{ announce = "e-bike", zone = "b3-lift", class = "urgent", expires_s = 20 }}]
[key.notice]
input = "di.notice-key"
order = {{ preset = "long", zone = "all" }}
[key.fire]
input = "di.fire"
order = {{ preset = "fire", zone = "all", class = "fire" }}
[broadcast.preset.long]
name = "停水"
text = "{LONG}"
repeat = 5
"""


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def control(station: StationProcess, method: str, path: str, body: Any = None) -> Any:
    """Ask the station as a command on the machine does."""
    line = aiohttp.UnixConnector(str(station.run_folder / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=line) as session,
        session.request(method, f"http://localhost{path}", json=body) as answer,
    ):
        return await answer.json()


class Packet(NamedTuple):
    """One RTP packet, of the class to whose group it was sent, and when the kernel had it."""

    rank: int
    at_ns: int
    data: bytes


class Ear:
    """Listens to all nine groups of one speaker."""

    def __init__(self, options: MulticastOptions) -> None:
        self.options = options
        self.packets: list[Packet] = []
        self._came = asyncio.Event()
        self._links: list[socket.socket] = []
        for rank in range(1, 10):
            link = membership(options.address(rank), options.port)
            link.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            asyncio.get_running_loop().add_reader(link, self._hear, link, rank)
            self._links.append(link)

    def _hear(self, link: socket.socket, rank: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data, [(_, _, stamp)], *_ = link.recvmsg(2048, socket.CMSG_SPACE(STAMP.size))
            seconds, ns = STAMP.unpack(stamp)
            at_ns = seconds * 1_000_000_000 + ns + now_ns() - time.time_ns()
            self.packets.append(Packet(rank, at_ns, data))
            self._came.set()

    def since(self, at_ns: int, rank: int | None = None) -> list[Packet]:
        return [p for p in self.packets if p.at_ns >= at_ns and rank in (None, p.rank)]

    async def first(self, rank: int, since_ns: int) -> Packet:
        """The first packet of that class since then; TimeoutError if none comes."""
        return (await self.so_many(1, rank, since_ns))[0]

    async def so_many(self, count: int, rank: int, since_ns: int) -> list[Packet]:
        """The first so many."""
        async with asyncio.timeout(WITHIN_S):
            while len(found := self.since(since_ns, rank)) < count:
                self._came.clear()
                await self._came.wait()
        return found[:count]

    def close(self) -> None:
        for link in self._links:
            asyncio.get_running_loop().remove_reader(link)
            link.close()


class Street:
    """Everything; `playing` runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.platform_port = free_port(), free_port()
        self.rtp_port = next(PORTS)
        self.platform = Platform(folder / "platform")
        self.station = StationProcess(folder)
        self.horns = {
            name: MulticastOptions(
                zones=zones, group=group_of(10 + n), port=self.rtp_port, ttl=0,
                interface="127.0.0.1", codec="l16" if name == "lift-b3" else "pcma",
            )
            for n, (name, zones) in enumerate(HORNS.items())
        }  # fmt: skip
        line = {"line": EmulatedBusSpec(kind="serial", link=str(folder / "ttyLINE"))}
        contacts = {"di": EmulatedMeterSpec(profile="generic-di8", bus="line", unit=1)}
        self.field = EmulatedField.from_spec(
            EmulatedFieldSpec(bus=line, meter=contacts), find_profile
        )
        self.ears: dict[str, Ear] = {}
        # When a frame first carried each contact's being closed, since it was closed.
        self.told: dict[int, int] = {}

        self._down: set[int] = set()
        self._frames = 0
        self._said = asyncio.Event()
        self._overhear()

    def _overhear(self) -> None:
        slave = self.field.meters["di"].slave
        answer = slave.answer

        def tell(frame: bytes, at_s: float) -> bytes | None:
            reply = answer(frame, at_s)
            if reply is not None and frame[1] == READ_CONTACTS:
                self._frames += 1
                for number in self._down:
                    if reply[3] >> (number - 1) & 1:
                        self.told.setdefault(number, now_ns())
                self._said.set()
            return reply

        slave.answer = tell  # type: ignore[method-assign]  # to overhear

    def write_settings(self, *, quiet: bool) -> None:
        """Hours that are quiet now, or that are far from now."""
        here = datetime.datetime.now(ZoneInfo("Asia/Shanghai"))
        begins = here + datetime.timedelta(hours=-2 if quiet else 8)
        ends = begins + datetime.timedelta(hours=4)
        horns = "".join(
            f'[speaker.{name}]\nkind = "multicast"\nzones = {json.dumps(options.zones)}\n'
            f'group = "{options.group}"\nport = {options.port}\nttl = 0\ninterface = "127.0.0.1"\n'
            f'codec = "{options.codec}"\n'
            for name, options in self.horns.items()
        )
        inputs = "".join(
            f'inputs.{number} = {{ is = "{kind}", id = "{name}", name = "{name}",'
            f' place = "{place}", hold_s = 0 }}\n'
            for name, (number, kind, place) in CONTACTS.items()
        )
        (self.folder / "station.toml").write_text(
            f'schema = 1\n[station]\nid = "{STATION}"\nname = "试验站"\n[journal]\nquota_mb = 16\n'
            f"[web]\nport = {self.port}\n[discovery]\nannounce = false\n"
            f'[upstream.district]\nkind = "http"\nurl = "http://127.0.0.1:{self.platform_port}"\n'
            f'command_key = "{self.platform.hand.signer.public}"\n'
            f'[bus.line]\nkind = "serial"\nport = "{self.folder}/ttyLINE"\nline = "9600 8N1"\n'
            '[device.di]\nname = "触点"\nprofile = "generic-di8"\nbus = "line"\naddress = "1"\n'
            f'place = "b3"\nevery_s = 0.06\n{inputs}{SETTINGS}{horns}'
            f'[broadcast]\nquiet = "{begins:%H:%M}-{ends:%H:%M}"\n'
            'emergency = ["smoke-b3", "nervous"]\n',
            "utf-8",
        )

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator["Street"]:
        """The line, the ears and the platform; the station is yours to start."""
        self.ears = {name: Ear(options) for name, options in self.horns.items()}
        await self.field.start()
        await self.platform.start("127.0.0.1", self.platform_port)
        try:
            yield self
        finally:
            if self.station._process is not None:
                await self.station.kill()
            await self.platform.stop()
            await self.field.stop()
            for ear in self.ears.values():
                ear.close()

    async def open(self, *, quiet: bool = False) -> None:
        """Start the station; returns when it knows the time and all that it would say is made."""
        self.write_settings(quiet=quiet)
        await self.station.start()
        await self.until(self._rendered)
        await self.until(self._timed)

    async def _rendered(self) -> bool:
        """Nothing has been added to the shelf for half a second."""
        folder = self.folder / "state" / "media"
        before = sum(1 for _ in folder.rglob("*"))
        await asyncio.sleep(0.5)
        return 8 < before == sum(1 for _ in folder.rglob("*"))

    async def _timed(self) -> bool:
        return (await self.get("/api/v1/vitals"))["clock"]["trust"] != "none"

    async def until(self, condition: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
        async with asyncio.timeout(within_s):
            while not (found := await condition()):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.05)
        return found

    async def close_contact(self, name: str) -> int:
        """Close it and wait for the frame that says so; when that left."""
        number = CONTACTS[name][0]
        self.told.pop(number, None)
        self._down.add(number)
        self.field.set_value("di", f"input-{number}", True)
        async with asyncio.timeout(WITHIN_S):
            while number not in self.told:
                self._said.clear()
                await self._said.wait()
        return self.told[number]

    async def open_contacts(self, *names: str) -> None:
        """Open them, and wait until the station has been told."""
        for name in names:
            number = CONTACTS[name][0]
            self._down.discard(number)
            self.field.set_value("di", f"input-{number}", False)
        await self.polled()

    async def polled(self) -> None:
        """Wait until the station has what the contacts say now: it asks again."""
        wanted = self._frames + 2
        async with asyncio.timeout(WITHIN_S):
            while self._frames < wanted:
                self._said.clear()
                await self._said.wait()

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def text(self, path: str) -> str:
        """As a receiver on the network gets it."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            assert answer.content_type == "application/sdp"
            return await answer.text()

    async def post(self, path: str, body: Any) -> Any:
        return await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        return await control(self.station, method, path, body)

    async def events(self, lane: str, kind: str) -> list[dict[str, Any]]:
        """All of that kind in the lane, the oldest first."""
        found: list[dict[str, Any]] = []
        while page := await self.get(f"/api/v1/feed?lane={lane}&limit=200&after={len(found)}"):
            found += page
        return [each for each in found if each["type"] == f"cn.yizhan.{kind}.v1"]

    async def told_of(self, order: str, lane: str, kind: str) -> dict[str, Any]:
        """The one event of that kind about that order, once it is there."""

        async def told() -> list[dict[str, Any]]:
            return [
                each for each in await self.events(lane, kind) if each["data"]["order"] == order
            ]

        (found,) = await self.until(told)
        return dict(found)

    async def state_of(self, order: str) -> str:
        return str((await self.get(f"/api/v1/orders/{order}"))["receipt"]["state"])

    async def becomes(self, order: str, state: str) -> None:
        """Wait until that order is so."""

        async def so() -> bool:
            return await self.state_of(order) == state

        await self.until(so)

    async def ends(self, order: str, within_s: float = WITHIN_S) -> str:
        """How that order ended."""

        async def over() -> str:
            state = await self.state_of(order)
            waiting = {"accepted", "preparing", "held", "playing", "interrupted"}
            return "" if state in waiting else state

        return str(await self.until(over, within_s))

    async def hush(self) -> None:
        """Stop whatever is open, emergencies too, and wait for silence."""
        for one in await self.get("/api/v1/orders"):
            await self.post(f"/api/v1/orders/{one['id']}/stop", {})
            await self.ends(one["id"])
        since_ns = 0
        while self.sounded(since_ns):
            since_ns = now_ns()
            await asyncio.sleep(0.2)

    async def orders_from(self, source: str) -> list[str]:
        """The ids of what came from there, the oldest first."""
        found = await self.get("/api/v1/orders")
        return [one["id"] for one in reversed(found) if one["source"] == source]

    async def commanded(self, kind: str, **data: Any) -> tuple[str, Any]:
        """What became of a signed command of the platform: its state, and its detail."""
        issued = self.platform.orders.issue(CommandForm(STATION, kind, data, manner="signed"))

        async def answered() -> Any:
            found = self.platform.store.find(issued)
            return (
                found if found is not None and found.state in {"done", "failed", "refused"} else 0
            )

        found = await self.until(answered)
        return found.state, json.loads(found.detail) if found.detail else found.reason

    def sounded(self, since_ns: int) -> set[str]:
        """The horns at which anything was heard since then."""
        return {name for name, ear in self.ears.items() if ear.since(since_ns)}

    def clip(self, sha: str) -> Path:
        found = next((self.folder / "state" / "media").rglob(f"{sha}*"))
        return Path(found)

    def recorder(self, horn: str, rank: int, seconds: float) -> "Recorder":
        return Recorder(self.folder, self.horns[horn], rank, seconds)


class Recorder:
    """ffmpeg at one group: what it heard, and when it had the first of it."""

    def __init__(self, folder: Path, options: MulticastOptions, rank: int, seconds: float) -> None:
        self._options, self._rank, self._seconds = options, rank, seconds
        self._description = folder / "heard.sdp"
        self._description.write_text(sdp.describe_group(options.codec, options, rank))
        self._process: asyncio.subprocess.Process | None = None
        self.first_ns = 0

    async def start(self) -> None:
        """Returns once it has joined the group."""
        self._process = await asyncio.create_subprocess_exec(
            *("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,udp,rtp"),
            *("-fflags", "nobuffer", "-analyzeduration", "0", "-probesize", "32"),
            *("-localaddr", "127.0.0.1", "-i", str(self._description), "-t", str(self._seconds)),
            *("-f", "s16le", "-flush_packets", "1", "-"),
            stdout=subprocess.PIPE,
        )
        async with asyncio.timeout(WITHIN_S):
            group = self._options.address(self._rank)
            while listeners(group) < BOTH:  # noqa: ASYNC110 - another process's socket
                await asyncio.sleep(0.02)

    async def heard(self) -> "array[int]":
        """All that it heard."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(self._seconds + WITHIN_S):
            head = await self._process.stdout.read(2)
            self.first_ns = now_ns()
            rest = await self._process.stdout.read()
            await self._process.wait()
        return array("h", (head + rest)[: (len(head + rest) // 2) * 2])


def listeners(group: str) -> int:
    """How many sockets of this host have joined the group."""
    wanted = socket.inet_aton(group)[::-1].hex().upper()
    lines = map(str.split, Path("/proc/net/igmp").read_text().splitlines())
    return next((int(words[1]) for words in lines if words and words[0] == wanted), 0)


def stage(name: str, since_ns: int, at_ns: int) -> None:
    """Print when a stage of the chain was reached."""
    print(f"    {name:42} {(at_ns - since_ns) / 1e6:7.1f} ms")


def told_ns(event: dict[str, Any]) -> int:
    """When an event says that it happened, on the boot clock."""
    return int(event["uptimems"]) * 1_000_000

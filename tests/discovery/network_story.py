"""Played in a network namespace: `unshare -nm python -m tests.discovery.network_story`.

Stations announce themselves with our code, the second from a namespace (a machine) of its own at
the other end of a cable; avahi, a stranger's implementation, says what it sees. Prints one JSON
object.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.discovery.announcer import StationAnnouncer
from gateway.discovery.dns_sd import StationCard

ASKED_MAX = 30
SAYS_WITHIN_S = 90
BROWSED_WITHIN_S = 20
AVAHI = """[server]
use-ipv6=no
allow-interfaces=lan0,lan1
[publish]
disable-publishing=yes
"""
BUS = """<busconfig><type>system</type><listen>unix:path={socket}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"""

YIZHAN, HTTP = ("lan0", "_yizhan._tcp"), ("lan0", "_http._tcp")
Seen = dict[tuple[str, str], list[str]]


def card(**changed) -> StationCard:
    said = {"id": "wangjing-07", "name": "望京驿站", "version": "0.1.0", "state": "ready"}
    return StationCard(**{**said, "port": 8443, **changed})


def do(*lines: str) -> None:
    for line in lines:
        subprocess.run(line.split(), check=True)


def network() -> None:
    """Two interfaces that nobody else can see."""
    do(
        "mount -t tmpfs tmpfs /run",
        "mkdir -p /run/avahi-daemon",
        "ip link set lo up",
        "mkdir -p /run/netns",
        "ip netns add second",
        "ip link add lan0 type veth peer name far0",
        "ip link set far0 netns second",
        "ip -n second addr add 192.0.2.20/24 dev far0",
        "ip -n second link set far0 up",
        "ip addr add 192.0.2.10/24 dev lan0",
        "ip link set lan0 up",
        "ip link add lan1 type veth peer name far1",
        "ip link set far1 up",
    )


@contextlib.asynccontextmanager
async def avahi(folder: Path) -> AsyncIterator[None]:
    """The judge: avahi-daemon on a message bus of its own."""
    bus = folder / "bus"
    (folder / "bus.conf").write_text(BUS.format(socket=bus))
    (folder / "avahi.conf").write_text(AVAHI)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={bus}"
    log = (folder / "log").open("wb")
    processes = []
    for command, made in (
        (("dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile"), bus),
        (
            ("avahi-daemon", "-f", f"{folder}/avahi.conf", "--no-drop-root", "--no-chroot"),
            Path("/run/avahi-daemon/socket"),
        ),
    ):
        processes.append(
            await asyncio.create_subprocess_exec(*command, stdout=log, stderr=subprocess.STDOUT)
        )
        while not made.exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.02)
    try:
        yield
    finally:
        for process in reversed(processes):
            process.terminate()
            await process.wait()
        log.close()


async def seen() -> Seen:
    """What `avahi-browse` resolves: (interface, type) → the lines."""
    found: Seen = {}
    kinds = ("_yizhan._tcp", "_http._tcp")
    for kind, lines in zip(kinds, await asyncio.gather(*map(browsed, kinds)), strict=True):
        for line in lines:
            if line.startswith("="):
                found.setdefault((line.split(";")[1], kind), []).append(line)
    return found


def both(found: Seen) -> list[int]:
    """How many stations are seen on the first interface, by each kind."""
    return [len(set(found.get(kind, ()))) for kind in (YIZHAN, HTTP)]


async def browsed(kind: str) -> list[str]:
    """What avahi resolves of a kind; nothing where `avahi-browse` never comes to its end.

    Now and then it waits for a word that the daemon has said before; it is asked again then.
    """
    process = await asyncio.create_subprocess_exec(
        *("avahi-browse", kind, "--resolve", "--terminate", "--parsable", "--no-db-lookup"),
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(BROWSED_WITHIN_S):
            return (await process.communicate())[0].decode().splitlines()
    except TimeoutError:
        process.kill()
        await process.wait()
        return []


async def until(wanted) -> dict[str, list[str]]:
    """Ask the judge until it sees what is wanted; what it saw last in any case."""
    found: Seen = {}
    for _ in range(ASKED_MAX):
        found = await seen()
        if wanted(found):
            break
        await asyncio.sleep(0.3)
    return {" ".join(key): sorted(set(lines)) for key, lines in found.items()}


@contextlib.asynccontextmanager
async def announced(now) -> AsyncIterator[None]:
    task = asyncio.create_task(StationAnnouncer(now).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


@contextlib.asynccontextmanager
async def elsewhere() -> AsyncIterator[None]:
    """A second station, with the same id."""
    process = await asyncio.create_subprocess_exec(
        *(
            "ip",
            "netns",
            "exec",
            "second",
            sys.executable,
            "-m",
            "tests.discovery.network_story",
            "second",
        )
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def discover(*asked: str) -> str:
    """What our own command says; on a busy machine two seconds may be too short for an answer."""
    said = ""
    for _ in range(ASKED_MAX):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "discover", "--for", "2", *asked),
            stdout=subprocess.PIPE,
            env={**os.environ, "LANG": "zh_CN.UTF-8"},
        )
        said = (await process.communicate())[0].decode()
        if all(f"wangjing-07{each}.local" in said for each in ("", "-2")):
            break
    return said


class Watch:
    """`yizhan discover --watch`, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.said: list[str] = []
        self._process = process

    async def says(self, *words: str) -> None:
        """Listen to it until it says a line with all these words."""
        assert self._process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAYS_WITHIN_S):
                while line := await self._process.stdout.readline():
                    self.said.append(line.decode().rstrip())
                    if all(word in self.said[-1] for word in words):
                        return
        raise EOFError(f"it never said {words}, but {self.said}")

    async def end(self) -> None:
        """Somebody presses Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self.said += (await self._process.communicate())[0].decode().splitlines()
        self.said.append(f"exit {self._process.returncode}")


@contextlib.asynccontextmanager
async def watching(*asked: str) -> AsyncIterator[Watch]:
    """`yizhan discover --watch` until somebody presses Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "discover", "--watch", *asked),
        stdout=subprocess.PIPE,
        env={**os.environ, "LANG": "zh_CN.UTF-8"},
    )
    watch = Watch(process)
    try:
        yield watch
    finally:
        await watch.end()


async def be_second() -> None:
    second = card(version="0.2.0")
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with announced(lambda: second):
        await told.wait()


async def story(folder: Path) -> dict[str, object]:
    told: dict[str, object] = {}
    now = card(state="setup")
    async with avahi(folder):
        async with announced(lambda: now):
            told["setup"] = await until(lambda found: YIZHAN in found)
            now = card()
            told["claimed"] = await until(lambda found: HTTP in found)
            async with watching("--json") as watched, watching() as read:
                for watch in (watched, read):
                    await watch.says("//wangjing-07.local")
                async with elsewhere():
                    told["two"] = await until(lambda found: both(found) == [2, 2])
                    for watch in (watched, read):
                        await watch.says("//wangjing-07-2.local")
                    told["ours"] = json.loads(await discover("--json"))
                    told["table"] = await discover()
                told["goodbye"] = await until(lambda found: both(found) == [1, 1])
                await watched.says('"gone":true')
                await read.says("- ", "走了")
            told["watched"], told["watched, read"] = watched.said, read.said
            do("ip addr add 198.51.100.7/24 dev lan1", "ip link set lan1 up")
            told["moved"] = await until(lambda found: ("lan1", "_yizhan._tcp") in found)
            process = await asyncio.create_subprocess_exec(
                *("avahi-resolve", "-4", "-n", "wangjing-07.local"), stdout=subprocess.PIPE
            )
            told["resolved"] = (await process.communicate())[0].decode().split()
            do("ip link set lan0 down")
            told["lost"] = await until(lambda found: YIZHAN not in found)
        told["gone"] = await until(lambda found: not found)
    return told


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(be_second())
        sys.exit()
    network()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(asyncio.run(story(Path(name))), ensure_ascii=False))

"""`yizhan demo`: everything at once on one machine, each part its own process."""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gateway.demo.config_files import PORTS, DemoPorts, has_microphone, write_settings
from gateway.demo.process import READY_WITHIN_S, DemoProcess
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command

# A ride in the demo moves on by itself so often, or at a button of the dispatcher's page.
DRIVE_S = 12

# For the pipes of processes that have ended; whatever they left behind may hold them longer.
CLOSE_WITHIN_S = 1.0

COLOURS = {"field": "36", "dispatch": "33", "platform": "35", "station": "32"}


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "demo", texts)
    parser.add_argument("--dir", type=Path, metavar="DIR", help=texts.say("demo.dir"))
    parser.add_argument("--fresh", action="store_true", help=texts.say("demo.fresh"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Start the four processes, keep them going, stop them in order at Ctrl-C."""
    texts = Texts.from_environment()
    folder = (args.dir or default_folder()).resolve()
    if args.fresh:
        for name in ("state", "platform"):
            for path in sorted((folder / name).rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
    ports = free_ports()
    if ports is None:
        print(texts.say("demo.no-port"), file=sys.stderr)
        return 1
    return asyncio.run(_play_in_the_air(folder, ports, texts))


def default_folder() -> Path:
    """`.dev/demo` of a checkout, else a folder of the user's own state."""
    checkout = Path(__file__).parents[2]
    if (checkout / "dev").exists() and os.access(checkout, os.W_OK):
        return checkout / ".dev" / "demo"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "yizhan-demo"


def free_ports() -> DemoPorts | None:
    """The usual ports where they are free, else the next free ones; None if there are none."""
    taken: set[int] = set()
    chosen = {}
    for name, usual in PORTS._asdict().items():
        port = next((p for p in range(usual, usual + 50) if p not in taken and _is_free(p)), None)
        if port is None:
            return None
        taken.add(port)
        chosen[name] = port
    return DemoPorts(**chosen)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _say(name: str, line: str) -> None:
    colour = COLOURS.get(name, "0") if sys.stdout.isatty() else None
    label = f"\033[{colour}m{name:>8}\033[0m" if colour else f"{name:>8}"
    print(f"{label} │ {line}", flush=True)


async def _play_in_the_air(folder: Path, ports: DemoPorts, texts: Texts) -> int:
    """With BLE sensors on a D-Bus of the demo's own where that can be, without them elsewhere."""
    if find_spec("bleak") is None or shutil.which("dbus-daemon") is None:
        print(texts.say("demo.no-air"), flush=True)
        write_settings(folder, ports, air=False, microphone=has_microphone())
        return await _play(folder, ports, texts, None)
    from drivers.ble.emulator import DbusDaemon  # noqa: PLC0415 - it needs what was just looked for

    write_settings(folder, ports, air=True, microphone=has_microphone())
    async with DbusDaemon() as broker:
        return await _play(folder, ports, texts, broker.address)


async def _play(folder: Path, ports: DemoPorts, texts: Texts, air: str | None) -> int:
    run_folder = folder / "run"
    platform = DemoProcess(
        "platform",
        [
            *("gateway.demo.platform", "--port", str(ports.platform)),
            *("--tls-port", str(ports.office), "--dir", str(folder / "platform")),
        ],
        run_folder,
        _say,
    )
    field = DemoProcess(
        "field",
        [
            *("gateway.demo.field", "--dir", str(folder), "--panel", str(ports.panel)),
            *("--platform", _at(ports.platform), "--live", _at(ports.station)),
            *("--dispatcher", _at(ports.dispatcher)),
            *(("--air", air) if air else ()),
        ],
        run_folder,
        _say,
    )
    dispatcher = DemoProcess(
        "dispatch",
        ["gateway.demo.dispatcher", "--port", str(ports.dispatcher), "--drive", str(DRIVE_S)],
        run_folder,
        _say,
    )
    station = DemoProcess(
        "station",
        [
            *("gateway.cli", "run", "--config", str(folder / "config")),
            *("--state", str(folder / "state")),
        ],
        run_folder,
        _say,
        # As gateway/station/web.py reads it: whoever runs the demo sees its terminal.
        {"YIZHAN_SHOW_CLAIM_CODE": "1"} | ({"DBUS_SYSTEM_BUS_ADDRESS": air} if air else {}),
    )
    around = (field, platform, dispatcher)
    children = (*around, station)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(child.run()) for child in around]
    try:
        if await _ready(around, stop):
            tasks.append(asyncio.create_task(station.run()))
            if await _ready((station,), stop):
                print(_where(ports, folder, children, texts), flush=True)
        await stop.wait()
    finally:
        for child in reversed(children):
            await child.stop()
        _, late = await asyncio.wait(tasks, timeout=CLOSE_WITHIN_S)
        for task in late:
            task.cancel()
    return 0


async def _ready(children: tuple[DemoProcess, ...], stop: asyncio.Event) -> bool:
    """Wait until all say that they are ready; False if they do not, or if told to stop before."""
    waiters = [asyncio.ensure_future(child.ready.wait()) for child in children]
    stopped = asyncio.ensure_future(stop.wait())
    all_ready = asyncio.gather(*waiters)
    either: set[asyncio.Future[Any]] = {all_ready, stopped}
    done, _ = await asyncio.wait(
        either, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
    )
    all_ready.cancel()
    stopped.cancel()
    return all_ready in done and not stop.is_set()


def _where(ports: DemoPorts, folder: Path, children: tuple[DemoProcess, ...], texts: Texts) -> str:
    pids = {child.name: child.pid for child in children}
    return texts.say(
        "demo.where",
        live=_at(ports.station),
        panel=_at(ports.panel),
        kiosk=f"{_at(ports.station)}kiosk/",
        dispatcher=_at(ports.dispatcher),
        platform=_at(ports.platform),
        office=f"https://127.0.0.1:{ports.office}",
        authority=folder / "platform" / "ca.pem",
        settings=folder / "config" / "station.toml",
        run=folder / "run",
        station_pid=pids["station"],
        field_pid=pids["field"],
        platform_pid=pids["platform"],
        dispatcher_pid=pids["dispatch"],
    )


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}/"

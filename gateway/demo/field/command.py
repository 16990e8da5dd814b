"""`python -m gateway.demo.field`: lines that answer, until stopped."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from drivers.emulate.field import EmulatedField, EmulatedFieldSpec, parse_field
from drivers.profiles import find_profile
from gateway.config.load import load, own_profiles
from gateway.demo.field.fault_panel import FaultPanel
from gateway.demo.field.panel_view import ADAPTER, LineCard, PanelCard, RadioCard
from gateway.demo.field.scenarios import Scenarios
from gateway.systemd import notify
from gateway.texts import Texts

if TYPE_CHECKING:
    from drivers.ble.emulator import VirtualRadio

SHUTDOWN_S = 1.0


def main(argv: list[str]) -> int:
    """Play the field of DIR/field.toml and serve its panel."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.field")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--panel", type=int, required=True, metavar="PORT")
    parser.add_argument("--platform", required=True, metavar="URL")
    parser.add_argument("--live", required=True, metavar="URL")
    parser.add_argument("--dispatcher", required=True, metavar="URL")
    parser.add_argument("--air", metavar="D-BUS", help="with BLE sensors on this D-Bus")
    args = parser.parse_args(argv)
    spec = parse_field((args.dir / "field.toml").read_text("utf-8"))
    names = {each.id: each.options.name for each in load(args.dir / "config").devices.values()}
    asyncio.run(_serve(spec, names, args))
    return 0


async def _serve(
    spec: EmulatedFieldSpec, names: Mapping[str, str], args: argparse.Namespace
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as closing:
        own = own_profiles(args.dir / "config")
        field = EmulatedField.from_spec(spec, lambda model: find_profile(model, own))
        closing.push_async_callback(field.stop)
        await field.start()
        cards: list[PanelCard] = [LineCard(field, name, names, spec) for name in field.buses]
        sensors = 0
        if args.air:
            air = await closing.enter_async_context(_speaking(args.air))
            sensors = len(air.spec.sensor)
            radio = Texts.from_environment().say("demo.air-adapter")
            cards.append(RadioCard(air, {**names, ADAPTER: radio}))
        runner = web.AppRunner(
            FaultPanel(cards, Scenarios(field), args.platform, args.live, args.dispatcher).app(),
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
        )
        await runner.setup()
        closing.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", args.panel).start()
        _ready(field, sensors)
        await stop.wait()


@contextlib.asynccontextmanager
async def _speaking(address: str) -> AsyncIterator["VirtualRadio"]:
    """The eight sensors on that D-Bus; what they need is loaded only here."""
    from drivers.ble.emulator import DEMO_SENSORS, FakeBluez, VirtualRadio  # noqa: PLC0415 - see above
    from drivers.ble.emulator import parse_radio as parse_air  # noqa: PLC0415 - see above

    async with VirtualRadio(parse_air(DEMO_SENSORS.read_text("utf-8")), FakeBluez()).serve(
        address
    ) as air:
        yield air


def _ready(field: EmulatedField, sensors: int) -> None:
    texts = Texts.from_environment()
    lines = ", ".join(field.addresses().values())
    print(texts.say("demo.ready", devices=len(field.meters), lines=lines), flush=True)
    if sensors:
        print(texts.say("demo.ready-air", sensors=sensors), flush=True)
    notify("READY=1")

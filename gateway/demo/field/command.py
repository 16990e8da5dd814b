"""`python -m gateway.demo.field`: lines that answer, until stopped."""

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from drivers import shelf
from drivers.emulate.field import Field, parse
from gateway.appliance.load import load
from gateway.demo.field.panel import Panel
from gateway.station.watchdog import notify
from gateway.texts import Texts

SHUTDOWN_S = 1.0


def main(argv: list[str]) -> int:
    """Play the field of DIR/field.toml and serve its panel."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.field")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--panel", type=int, required=True, metavar="PORT")
    parser.add_argument("--platform", required=True, metavar="URL")
    parser.add_argument("--live", required=True, metavar="URL")
    args = parser.parse_args(argv)
    spec = parse((args.dir / "field.toml").read_text("utf-8"))
    own = args.dir / "config" / "devices"
    field = Field.of(spec, lambda profile: shelf.find(profile, own))
    names = {each.id: each.options.name for each in load(args.dir / "config").devices.values()}
    asyncio.run(_serve(field, Panel(field, names, args.platform, args.live), args.panel))
    return 0


async def _serve(field: Field, panel: Panel, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(panel.app(), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await field.start()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        texts = Texts.of_environment()
        lines = ", ".join(field.places().values())
        print(texts.say("demo.ready", devices=len(field.meters), lines=lines), flush=True)
        notify("READY=1")
        await stop.wait()
    finally:
        await runner.cleanup()
        await field.stop()

"""Puts the platform together and serves it."""

import asyncio
import signal
from pathlib import Path

from aiohttp import web

from gateway.demo.platform.moods import Temper
from gateway.demo.platform.orders import Orders
from gateway.demo.platform.page import Page
from gateway.demo.platform.receiver import BODY_BYTES_MAX, Receiver
from gateway.demo.platform.store import Store
from gateway.station.watchdog import notify

SHUTDOWN_S = 1.0  # a frozen answer hangs by design


class Platform:
    """One running platform; `url` is where it answers."""

    def __init__(self, directory: Path, token: str | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.store = Store(directory / "platform.db")
        self.temper = Temper()
        self.orders = Orders(self.store)
        self.receiver = Receiver(self.store, self.orders, self.temper, token)
        self.page = Page(self.store, self.orders, self.temper, self.receiver)
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. OSError if the port is held."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.add_routes([*self.receiver.routes(), *self.page.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        held = self._runner.addresses[0][1]
        self.url = f"http://{host}:{held}"

    async def stop(self) -> None:
        """Stop listening and close the file."""
        if self._runner is not None:
            await self._runner.cleanup()
        self.store.close()


async def serve(platform: Platform, host: str, port: int) -> None:
    """Run until SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await platform.start(host, port)
        print(f"platform: {platform.url}/", flush=True)
        notify("READY=1")
        await stop.wait()
    finally:
        await platform.stop()

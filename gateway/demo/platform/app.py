"""Puts the platform together and serves it."""

import asyncio
import signal
import ssl
from pathlib import Path

from aiohttp import web

from gateway.demo.dispatcher.counter import Counter
from gateway.demo.platform.authority import Authority, listener
from gateway.demo.platform.commands_page import CommandsPage
from gateway.demo.platform.hand import Hand
from gateway.demo.platform.moods import Temper
from gateway.demo.platform.orders import Orders
from gateway.demo.platform.page import Page
from gateway.demo.platform.receiver import BODY_BYTES_MAX, Receiver
from gateway.demo.platform.registrar import Registrar
from gateway.demo.platform.store import Store
from gateway.demo.shared.http import read_json
from gateway.station.watchdog import notify
from gateway.web.certificate import Pair

SHUTDOWN_S = 1.0  # a frozen answer hangs by design


class Platform:
    """One running platform; `url` is where it answers, `tls_url` where it does so over TLS."""

    def __init__(self, directory: Path, token: str | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.store = Store(directory / "platform.db")
        self.temper = Temper()
        self.hand = Hand(directory)
        self.authority = Authority(directory)
        self.orders = Orders(self.store, self.hand)
        self.registrar = Registrar(self.store.register, self.authority, self.hand)
        self.rides = Counter()
        self.receiver = Receiver(self.store, self.orders, self.temper, token, self.rides)
        self.page = Page(self.store, self.temper, self.receiver, self.rides)
        self.commands_page = CommandsPage(self.store, self.orders, self.registrar)
        self.url = ""
        self.tls_url = ""
        self._runner: web.AppRunner | None = None

    async def start(
        self, host: str, port: int, tls_port: int | None = None, *, own: Pair | None = None
    ) -> None:
        """Listen; port 0 takes a free one. OSError if a port is held.

        `own` is the certificate to show instead of the one that our authority vouches for.
        """
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.add_routes(
            [
                *self.receiver.routes(),
                *self.registrar.routes(),
                *self.page.routes(),
                *self.commands_page.routes(),
                *self.rides.routes("/api/rides", read_json),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        self.url = f"http://{host}:{await self._listen(host, port)}"
        if tls_port is not None:
            pair = own or self.authority.server((host, "localhost"))
            context = listener(self.authority, pair, self._directory)
            self.tls_url = f"https://{host}:{await self._listen(host, tls_port, context)}"

    async def _listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        assert self._runner is not None, "start has made it"
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        return int(self._runner.addresses[-1][1])

    async def stop(self) -> None:
        """Stop listening and close the file."""
        self.rides.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.store.close()


async def serve(platform: Platform, host: str, port: int, tls_port: int | None) -> None:
    """Run until SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await platform.start(host, port, tls_port)
        print(f"platform: {platform.url}/", flush=True)
        if platform.tls_url:
            print(f"platform: {platform.tls_url}/  ca {platform.authority.file}", flush=True)
        notify("READY=1")
        await stop.wait()
    finally:
        await platform.stop()

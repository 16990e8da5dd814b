"""Puts the platform together and serves it."""

import asyncio
import signal
import ssl
from pathlib import Path

from aiohttp import web

from gateway.demo.dispatcher.http import DispatcherApi
from gateway.demo.platform.authority import CertificateAuthority, server_context
from gateway.demo.platform.command_issuer import CommandIssuer
from gateway.demo.platform.commands_page import CommandsPage
from gateway.demo.platform.enrolment import EnrolmentService
from gateway.demo.platform.fault_modes import FaultSwitch
from gateway.demo.platform.page import PlatformPage
from gateway.demo.platform.receiver import BODY_BYTES_MAX, FeedReceiver
from gateway.demo.platform.signing_keys import CommandSigner
from gateway.demo.platform.store import PlatformStore
from gateway.demo.shared.http import read_json
from gateway.systemd import notify
from gateway.web.certificate import CertificatePair

SHUTDOWN_S = 1.0  # a frozen answer hangs by design


class Platform:
    """One running platform; `url` is where it answers, `tls_url` where it does so over TLS."""

    def __init__(self, directory: Path, token: str | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.store = PlatformStore(directory / "platform.db")
        self.temper = FaultSwitch()
        self.hand = CommandSigner(directory)
        self.authority = CertificateAuthority(directory)
        self.orders = CommandIssuer(self.store, self.hand)
        self.registrar = EnrolmentService(self.store.register, self.authority, self.hand)
        self.rides = DispatcherApi()
        self.receiver = FeedReceiver(self.store, self.orders, self.temper, token, self.rides)
        self.page = PlatformPage(self.store, self.temper, self.receiver, self.rides)
        self.commands_page = CommandsPage(self.store, self.orders, self.registrar)
        self.url = ""
        self.tls_url = ""
        self._runner: web.AppRunner | None = None

    async def start(
        self,
        host: str,
        port: int,
        tls_port: int | None = None,
        *,
        own: CertificatePair | None = None,
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
            context = server_context(self.authority, pair, self._directory)
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

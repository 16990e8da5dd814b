"""A platform over TLS with its own authority, a station's papers, and a clock to move."""

import argparse
import contextlib
import datetime
from pathlib import Path

from gateway.demo.platform.app import Platform
from gateway.event import Trust
from gateway.upstream.enrolment.certificates import EnrolmentFiles
from gateway.upstream.enrolment.client import claim_certificate
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.platform_tls import PlatformTls
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.upstream.ledger import STATION

HOST = "127.0.0.1"
DAY_NS = 86_400_000_000_000


def wall_now_ns() -> int:
    """What the platform's certificates are dated by."""
    return round(datetime.datetime.now(datetime.UTC).timestamp()) * 1_000_000_000


def clock_at(wall_ns: int, *, trust: Trust | None = Trust.METER) -> SimulatedClock:
    """A station clock that somebody set (None: nobody; the floor is all it has)."""
    clock = SimulatedClock(SimulatedKernel(true_ns=0), floor_ns=wall_ns)
    if trust is not None:
        clock.learn(trust, wall_ns, 1_000_000)
    return clock


@contextlib.asynccontextmanager
async def office(folder: Path, *, own=None):
    platform = Platform(folder)
    pair = None if own is None else own(platform.authority)
    await platform.start(HOST, 0, 0, own=pair)
    try:
        yield platform
    finally:
        await platform.stop()


class Post:
    """A station that enrols at that platform."""

    def __init__(self, platform: Platform, keys: Path, clock=None, ca_file=None) -> None:
        self.platform = platform
        self.clock = clock or clock_at(wall_now_ns())
        self.papers = EnrolmentFiles(keys, "district")
        self.ca_file = str(ca_file or platform.authority.file)
        self.tls = PlatformTls(self.clock, ca_file=self.ca_file, own=None)

    async def enrol(self, token: str | None = None, station: str = STATION) -> None:
        if token is None:
            token = self.platform.registrar.token(station)
        key = self.papers.key()
        url = self.platform.tls_url
        self.papers.store_grant(
            key, await claim_certificate(url, key, station, token, self.tls), url
        )
        self.tls = PlatformTls(self.clock, ca_file=self.ca_file, own=self.papers.pem)

    @contextlib.asynccontextmanager
    async def uplink(self, station: str = STATION):
        options = HttpOptions(url=self.platform.tls_url, ca_file=self.ca_file)
        road = HttpUplink(options, station=station, now_ns=self.clock.now_ns, tls=self.tls)
        try:
            yield road
        finally:
            await road.close()


def arguments(config: Path, state: Path, **given) -> argparse.Namespace:
    """What the command line would have given."""
    asked = {"claim": None, "url": None, "ca_file": None, "uplink": None, "json": True}
    return argparse.Namespace(**{**asked, "config": config, "state": state, **given})

"""A station with accounts under test: real journal, real TLS, real HTTP, hand-made vital signs."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from gateway.access import Access, Role, SignInTokens, codes
from gateway.access.account_admin import AccountAdmin
from gateway.access.passwords import ScryptCost
from gateway.audit import ActOrigin, AuditLog, act_history
from gateway.audit.events import CONSOLE, HERE
from gateway.clock import Clock, ClockStep, LinuxKernel
from gateway.desk.alarms.board import AlarmBoard
from gateway.desk.alarms.desk_ring import DeskRing
from gateway.desk.alarms.section import section as alarm_section
from gateway.desk.section import section as desk_section
from gateway.event import Lane, encode_envelope
from gateway.faults import FaultLog
from gateway.health import Vitals
from gateway.journal import Journal, JournalOptions
from gateway.journal.chain import ChainProof, verify_chain
from gateway.live import section as live
from gateway.places import PlaceOptions, Places
from gateway.rules.core import RulesPlan
from gateway.rules.service import RuleService
from gateway.web.audit_middleware import AuditMiddleware
from gateway.web.authorization import DESK_COOKIE, FORM_COOKIE, SESSION_COOKIE, StationGate
from gateway.web.section import Section
from gateway.web.server import DEFAULT_BOUNDS, ServerLimits, WebOptions, WebServer, build_app
from gateway.web.signin.section import section as signin_section
from gateway.web.station_tls import StationTls, station_names
from tests.web.station import NORMAL, Meters

STATION = "test-1"
# A thousandth of the real work, for tests that are not about it.
CHEAP = ScryptCost(10, 8, 1)

PASSWORDS = {
    "boss": "correct horse station",
    "zhang": "春眠不觉晓处处闻啼鸟",
    "guest": "battery staple lantern",
}
ROLES = {"boss": Role.INSTALLER, "zhang": Role.STAFF, "guest": Role.VIEWER}
NAMES = {"boss": "王工", "zhang": "张丽", "guest": "李看"}


class MovedKernel(LinuxKernel):
    """The real kernel, with boot time moved on by hand and no word from NTP."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_ns = 0

    def boottime_ns(self) -> int:
        return super().boottime_ns() + self.moved_ns

    def realtime_ns(self) -> int:
        return super().realtime_ns() + self.moved_ns

    def chip_ns(self) -> None:
        return None

    def ntp(self) -> None:
        return None


class MovedClock(Clock):
    """A clock whose time goes on when a test says so, and by itself."""

    def __init__(self) -> None:
        self.kernel = MovedKernel()
        super().__init__("0" * 15 + "1", self.kernel)

    def advance(self, seconds: float) -> None:
        self.kernel.moved_ns += round(seconds * 1e9)


PLACES = Places(
    "望京西园三区驿站",
    {
        "grid-031": PlaceOptions(name="第31网格", code="110105-031"),
        "b3": PlaceOptions(name="3号楼", inside="grid-031"),
        "b3-f5": PlaceOptions(name="3号楼5层", inside="b3"),
        "b3-lift": PlaceOptions(name="3号楼电梯", inside="b3"),
    },
)


DEVICES = {device.id: device.name for device in NORMAL.devices}


class Site:
    """The running station."""

    plan = RulesPlan()

    def __init__(self, folder: Path, clock: MovedClock) -> None:
        self.folder = folder
        self.clock = clock
        self.vitals: Vitals = NORMAL
        self.extra: list[Section] = []
        self.claims = 0
        self.signed: dict[str, SignInTokens] = {}
        self.steps: list[ClockStep | None] = []
        self.calls = DeskRing()
        self.faults = FaultLog(clock.now_ns)
        self.rules: RuleService
        self.journal: Journal
        self.ledger: AuditLog
        self.access: Access
        self.keys: AccountAdmin
        self.replaced: list[tuple[str, str | None]] = []
        self.tls: StationTls
        self.app: web.Application
        self.server: WebServer

    async def claimed(self) -> None:
        self.claims += 1

    def sections(self) -> list[Section]:
        """What the application is built of."""
        livep = live.section(self.look, Meters(self.replaced))
        self.rules = RuleService(self.plan, self.journal, self.clock, doers={"call": self.calls})
        board = AlarmBoard(
            self.rules,
            self.calls,
            PLACES,
            self.names,
            DEVICES,
            zones={"b3": "3号楼"},
            offers={"announce.smoke": "烟感报警"},
        )
        alarms = alarm_section(board, self.journal, self.look)
        wings = self.wings()
        cards = {one.name: one.card for one in (alarms, *wings, livep) if one.card is not None}
        desk = desk_section(
            cards,
            access=self.access,
            clock=self.clock,
            lanes=self.journal,
            ledger=self.ledger,
            vitals=self.look,
            moved=self.steps.append,
            on_fault=self.faults.note,
        )
        signin = signin_section(self.access, self.tls, self.clock, self.look, self.claimed)
        return [desk, alarms, livep, signin, *wings, *self.extra]

    def wings(self) -> list[Section]:
        """Sections of the wings, each with its card on the desk."""
        return []

    def names(self) -> dict[str, str]:
        return {account.id: account.name for account in self.access.book.accounts()}

    def look(self) -> Vitals:
        return self.vitals

    @property
    def https(self) -> str:
        return f"https://localhost:{self.server.lan_port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def furnish(self, *people: str) -> None:
        """Accounts with their passwords, as if each had set their own."""
        for id_ in people or PASSWORDS:
            code = await self.keys.add(CONSOLE, HERE, id_, NAMES[id_], ROLES[id_])
            await self.access.set_first_password(id_, code, PASSWORDS[id_], HERE)

    def place(self, address: str = "127.0.0.1", desk: str = "") -> ActOrigin:
        return ActOrigin(address, desk)

    async def events(self) -> list[bytes]:
        entries = await self.journal.read(Lane.SERVICE, 0, 10_000)
        return [encode_envelope(entry, STATION) for entry in entries]

    async def proof(self) -> ChainProof:
        """Whether the audit holds, as `yizhan journal verify` would find."""
        return verify_chain(await self.events(), self.ledger.head)

    async def acts(self, limit: int = 10) -> list[act_history.PastAct]:
        return list((await act_history.read_act_page(self.journal, 0, limit)).acts)


class Browser:
    """One reader: cookies, the station's authority, and forms that carry their token."""

    def __init__(self, site: Site, session: aiohttp.ClientSession, base: str) -> None:
        self.site = site
        self.session = session
        self.base = base

    def cookie(self, name: str) -> str:
        found = self.session.cookie_jar.filter_cookies(URL(self.base)).get(name)
        return found.value if found is not None else ""

    def keep(self, name: str, value: str) -> None:
        """Put a cookie there, as somebody who has stolen or planted it."""
        self.session.cookie_jar.update_cookies({name: value}, URL(self.base))

    async def get(self, path: str, **given: Any) -> aiohttp.ClientResponse:
        given.setdefault("allow_redirects", False)
        return await self.session.get(self.base + path, **given)

    async def page(self, path: str) -> str:
        answer = await self.get(path, headers={"Accept": "text/html"})
        return await answer.text()

    async def post(self, path: str, **fields: str) -> aiohttp.ClientResponse:
        """As the browser sends a form of the station's own page."""
        if not (self.cookie(SESSION_COOKIE) or self.cookie(FORM_COOKIE)):
            await self.page("/signin")
        cookie = self.cookie(SESSION_COOKIE) or self.cookie(FORM_COOKIE)
        return await self.session.post(
            self.base + path,
            data={"form": codes.form_token(cookie), **fields},
            headers={"Origin": self.base, "Accept": "text/html"},
            allow_redirects=False,
        )

    async def enter(self, id_: str, password: str | None = None) -> aiohttp.ClientResponse:
        return await self.post("/signin/enter", id=id_, password=password or PASSWORDS[id_])

    @property
    def token(self) -> str:
        return self.cookie(SESSION_COOKIE)

    @property
    def desk(self) -> str:
        return self.cookie(DESK_COOKIE)


@contextlib.asynccontextmanager
async def site(
    folder: Path,
    *,
    cost: ScryptCost = CHEAP,
    bounds: ServerLimits = DEFAULT_BOUNDS,
    control: Path | None = None,
    kind: type[Site] = Site,
) -> AsyncIterator[Site]:
    """A station on free ports of loopback: plain, and with TLS as for desk computers."""
    clock = MovedClock()
    made = kind(folder, clock)
    options = JournalOptions(quota_mb=16)
    real = Clock.open(folder)
    made.journal = await Journal.open(folder, station=STATION, options=options, clock=real)
    made.journal._agenda.hurry = True  # hundreds of acts: none lingers for company
    made.ledger = await AuditLog.open(made.journal, clock)
    made.access = await Access.open(made.journal, made.ledger, clock, folder / "keys", cost=cost)
    made.keys = AccountAdmin(made.access, clock)
    names = station_names(STATION)
    made.tls = StationTls(folder / "keys", STATION, names, clock)
    made.app = build_app(
        made.sections(),
        vitals=made.look,
        feed=made.journal,
        gate=StationGate(made.access),
        auditor=AuditMiddleware(made.ledger, made.access, clock),
        names=names,
        bounds=bounds,
        on_fault=made.faults.note,
    )
    made.server = WebServer(
        made.app, WebOptions(port=0, lan_port=0), control=control, bounds=bounds
    )
    await made.server.start()
    await made.server.open_lan(made.tls.context, "127.0.0.1")
    try:
        yield made
    finally:
        await made.server.stop()
        await made.ledger.close()
        made.access.close()
        await made.journal.close()


def trusting(made: Site) -> ssl.SSLContext:
    """What a computer uses that has taken in this station's authority, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=made.tls.authority)
    return context


@contextlib.asynccontextmanager
async def browser(made: Site, *, plain: bool = False) -> AsyncIterator[Browser]:
    """A fresh reader, at a desk computer or (`plain`) on the station's own machine."""
    connector = aiohttp.TCPConnector(ssl=trusting(made))
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(made.http))
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=jar, timeout=timeout
    ) as session:
        yield Browser(made, session, made.http if plain else made.https)

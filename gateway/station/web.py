"""Access to the station: accounts, audit, TLS, and the pages that need them.

Without an account the station listens on loopback only; with the first one it opens the port for
desk computers, and again at every start.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from gateway.access import Access
from gateway.audit import AuditLog
from gateway.clock import Clock, ClockStep
from gateway.config.schema import Settings
from gateway.desk.section import section as desk_section
from gateway.errors import StationError
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal import Journal
from gateway.station.events import KINDS
from gateway.texts import Texts
from gateway.web.audit_middleware import AuditMiddleware
from gateway.web.authorization import StationGate
from gateway.web.section import Section
from gateway.web.server import WebServer, build_app
from gateway.web.signin.section import section as signin_section
from gateway.web.station_tls import StationTls, station_names

log = logging.getLogger(__name__)

# Whoever starts the station for a person at the terminal sets this, as the demo does.
SHOW_CODE = "YIZHAN_SHOW_CLAIM_CODE"

# How often the certificate's age and the machine's addresses are checked: a router may change an
# address, and a browser refuses a certificate that does not name it.
LOOK_EVERY_S = 60.0


# Retry interval for a port that another program holds.
HELD_AGAIN_S = 5.0


class WebAssembly:
    """Opened before the station's rooms are built, closed after the pages."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        rooms: "AccessAndAudit",
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """Stations use `open`."""
        self.access, self.ledger = rooms
        self._clock = clock
        self._journal = journal
        names = station_names(settings.station.id, settings.web.names)
        self.tls = StationTls(state / "keys", settings.station.id, names, clock, on_fault=on_fault)
        self._names = names
        self._server: WebServer | None = None
        self._refused = False
        self._stirred = asyncio.Event()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        on_fault: OnFault = log_fault,
    ) -> "WebAssembly":
        """Read accounts and audit."""
        ledger = await AuditLog.open(journal, clock)
        access = await Access.open(
            journal, ledger, clock, state / "keys", volatile=journal.volatile
        )
        return cls(settings, state, clock, journal, (access, ledger), on_fault=on_fault)

    def build_app(
        self,
        sections: Sequence[Section],
        vitals: Callable[[], Vitals],
        moved: Callable[[ClockStep | None], None],
        on_fault: OnFault,
    ) -> web.Application:
        """The application: those sections, sign-in and the desk."""
        cards = {section.name: section.card for section in sections if section.card is not None}
        desk = desk_section(
            cards,
            access=self.access,
            clock=self._clock,
            lanes=self._journal,
            ledger=self.ledger,
            vitals=vitals,
            moved=moved,
            on_fault=on_fault,
        )
        signin = signin_section(self.access, self.tls, self._clock, vitals, self._let_desks_in)
        return build_app(
            [desk, *sections, signin],
            vitals=vitals,
            feed=self._journal,
            gate=StationGate(self.access),
            auditor=AuditMiddleware(self.ledger, self.access, self._clock, on_fault),
            names=self._names,
            kinds=KINDS,
            on_fault=on_fault,
        )

    def people(self) -> dict[str, str]:
        """The people with an account, by id."""
        return {account.id: account.name for account in self.access.book.accounts()}

    async def admit_desks(self, server: WebServer) -> None:
        """Before READY: open the port for desk computers, or show the claim code."""
        self._server = server
        self._say_code()
        if self.access.claimed:
            await self._let_desks_in()

    async def run(self, server: WebServer) -> None:
        """Keep the desk's port open and its certificate current."""
        while True:
            opened = not self.access.claimed or await self._open(server)
            if self.tls.renew():
                log.info("the station shows a new certificate")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S if opened else HELD_AGAIN_S):
                    await self._stirred.wait()
            self._stirred.clear()

    def recheck(self) -> None:
        """Check now: station time has moved, and an old certificate may have expired."""
        self._stirred.set()

    async def close(self) -> None:
        """Finish pending writes."""
        await self.ledger.close()
        self.access.close()

    async def _let_desks_in(self) -> None:
        """Called for the first account; a port in use does not stop it."""
        if self._server is not None:
            await self._open(self._server)

    async def _open(self, server: WebServer) -> bool:
        """Open the port for desk computers; a port in use is logged once."""
        try:
            await server.open_lan(self.tls.context)
        except StationError as error:
            if not self._refused:
                log.error("desk computers cannot come in: %s", error)  # noqa: TRY400  # said whole
            self._refused = True
            return False
        if self._refused:
            log.info("desk computers can come in at port %d", server.lan_port)
        self._refused = False
        return True

    def _say_code(self) -> None:
        """Show the code once at the machine; never in a log that others read."""
        with contextlib.suppress(OSError):  # a dead disk: the code is said when it can be kept
            if (code := self.access.claim_code) is None:
                return
            log.warning("nobody has an account yet; `yizhan accounts claim-code` shows the code")
            if sys.stderr.isatty() or SHOW_CODE in os.environ:
                text = Texts.from_environment().say("station.claim", code=code)
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()


AccessAndAudit = tuple[Access, AuditLog]

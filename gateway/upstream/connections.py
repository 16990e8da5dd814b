"""The station's uplinks: a follower, a connection, a sender and an inbox for each."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gateway import entropy
from gateway.clock import Clock, UplinkTimeSource
from gateway.errors import SettingsError, StationError, UpstreamError
from gateway.faults import OnFault, describe_error, log_fault
from gateway.journal import Journal
from gateway.journal.ports import ReceiptingFollower
from gateway.tasks import STOP_WITHIN_S, stop_tasks, supervise
from gateway.upstream.feed.retention import TransportedFollower
from gateway.upstream.feed.sender import Sender
from gateway.upstream.feed.uplink_status import FAULT, UplinkStatus
from gateway.upstream.inbox.builtin_commands import (
    clock_offset_command,
    feed_replay_command,
    key_rotate_command,
    ping_command,
)
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.inbox.siblings import SiblingInboxes
from gateway.upstream.uplinks import registry
from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.kind import OpenUplink, UplinkContext
from gateway.upstream.uplinks.late_uplink import LateUplink
from gateway.upstream.uplinks.options import UplinkOptions
from gateway.upstream.uplinks.platform_tls import OnDoubt, PlatformTls

if TYPE_CHECKING:
    from gateway.upstream.enrolment.certificates import EnrolmentFiles

_log = logging.getLogger(__name__)

# `(uplink, at, round_trip_ns)`: the time in a receipt of that uplink's platform.
Learn = Callable[[str, str, int], None]

# The kinds of command that other rooms handle for the uplink of that name.
KindsOf = Callable[[str], Iterable[CommandKind]]


class Connection(NamedTuple):
    """One uplink that is open."""

    options: UplinkOptions
    uplink: LateUplink
    sender: Sender
    inbox: Inbox | None
    papers: "EnrolmentFiles | None"
    tls: Callable[[], PlatformTls | None]


class Uplinks:
    """All uplinks of the station; opened inside the running loop."""

    def __init__(
        self,
        station: str,
        state: Path,
        clock: Clock,
        journal: Journal,
        learn: Learn,
        *,
        kinds_of: KindsOf = lambda _: (),
        on_fault: OnFault = log_fault,
        count: Callable[[str, str], None] = lambda _where, _what: None,
        open_uplink: OpenUplink = registry.open_uplink,
    ) -> None:
        """`learn` gets the platforms' time, `on_fault` why an uplink could not be made.

        `senders` has every uplink of the settings, in their order; one that could not be made is
        `refused` there. `count` is called with a doubtful certificate.
        """
        self.senders: list[Sender | UplinkStatus] = []
        self._on_fault = on_fault
        self._station = station
        self._keys = state / "keys"
        self._clock = clock
        self._journal = journal
        self._learn = learn
        self._kinds_of = kinds_of
        self._count = count
        self._open_uplink = open_uplink
        self._settings: dict[str, UplinkOptions] = {}
        self._changing = asyncio.Lock()
        self._lines: dict[str, Connection] = {}
        self._unmade: dict[str, UplinkStatus] = {}
        # Inboxes of uplinks that are being reopened: the others still ask them for records.
        self._former: dict[str, SiblingInboxes] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def open(self, uplinks: Mapping[str, UplinkOptions]) -> None:
        """Open all; one that cannot be used is `refused` until it can, and affects no other."""
        self._settings = dict(uplinks)
        self._clock.lend(lenders(uplinks))
        for name, options in uplinks.items():
            self._open(name, options)

    @property
    def names(self) -> tuple[str, ...]:
        """Every uplink of the settings, in their order."""
        return tuple(self._settings)

    def connection(self, name: str) -> tuple[Uplink, Sender] | None:
        """The uplink of that name; None while it is being reopened, or was left out for a fault."""
        line = self._lines.get(name)
        return None if line is None else (line.uplink, line.sender)

    def start(self) -> None:
        """Start sending and polling for commands."""
        for name in self._lines:
            self._start(name)

    async def change(self, uplinks: Mapping[str, UplinkOptions]) -> None:
        """Close uplinks that are gone or changed, open new ones; the others go on.

        SettingsError, with all of that done, for one that cannot be opened and is new or was open.
        """
        self._settings = dict(uplinks)
        self._clock.lend(lenders(uplinks))
        for name in self._former.keys() - uplinks.keys():
            del self._former[name]
        async with self._changing:
            shut = {name for name, line in self._lines.items() if line.uplink.trouble is not None}
            shut |= self._unmade.keys()
            changed = [n for n, line in self._lines.items() if uplinks.get(n) != line.options]
            for name in (*changed, *self._unmade):
                await self._close(name)
            fresh = [name for name in uplinks if name not in self._lines]
            for name in fresh:
                self._open(name, uplinks[name])
                self._start(name)
            for name in fresh:
                trouble = self._trouble(name)
                if trouble is not None and name not in shut:
                    raise SettingsError(trouble.code, **trouble.data)

    async def reopen(self, name: str) -> None:
        """Reopen an uplink, as after its enrolment; nothing happens for an unknown name."""
        async with self._changing:
            await self._close(name)
            if name in self._settings:
                self._open(name, self._settings[name])
                self._start(name)

    async def close(self) -> None:
        """Stop, and close every connection."""
        await stop_tasks([task for tasks in self._tasks.values() for task in tasks], STOP_WITHIN_S)
        self._tasks.clear()
        self._settings = {}
        self._former.clear()
        async with self._changing:
            for name in (*self._lines, *self._unmade):
                await self._close(name)

    def _open(self, name: str, options: UplinkOptions) -> None:
        """Open one; an unforeseen exception costs this uplink alone."""
        sender: Sender | UplinkStatus
        try:
            line = self._made(name, options)
        except Exception as error:  # noqa: BLE001  # the edge of one uplink: see above
            self._on_fault(f"uplink.{name}", error)
            sender = self._unmade[name] = UplinkStatus(name, options.kind, self._clock.now_ns)
            sender.on_failure("opening", _reason(error))
        else:
            self._lines[name], sender = line, line.sender
            former = self._former.pop(name, None)
            if former is not None and line.inbox is not None:
                line.inbox.siblings.memory = former.memory  # until it has loaded its own
        self.senders.append(sender)
        order = {each: number for number, each in enumerate(self.names)}
        self.senders.sort(key=lambda sender: order.get(sender.name, len(order)))

    def _trouble(self, name: str) -> UpstreamError | None:
        """Why it is closed or could not be made; None if it is open."""
        line, unmade = self._lines.get(name), self._unmade.get(name)
        return unmade.fault if unmade is not None else line and line.uplink.trouble

    def _made(self, name: str, options: UplinkOptions) -> Connection:
        kind = registry.kind_for(options.url)
        papers = self._papers(name, options) if options.scheme in kind.tls_schemes else None
        opening = _Opening(
            name,
            options,
            papers,
            station=self._station,
            keys=self._keys,
            clock=self._clock,
            doubted=partial(self._doubted, name),
            open_uplink=self._open_uplink,
        )
        uplink = LateUplink(name, opening.open, self._on_fault)
        follower: ReceiptingFollower = self._journal.follower(name, retaining=options.required)
        if options.required and kind.worth == "transported":
            follower = TransportedFollower(follower, self._clock.now_ns)
        sender = Sender(
            name,
            follower,
            self._journal,
            uplink,
            self._clock,
            station=self._station,
            kind=options.kind,
            worth=kind.worth,
            rng=entropy.jitter_generator(),
            learn=partial(self._learn, name),
            on_fault=self._on_fault,
        )
        enrolment = None if papers is None else papers.enrolment()
        root = options.command_key or (enrolment.command_key if enrolment else None)
        keys = CommandKeys(self._keys / f"{name}.command-key", root)
        inbox = self._inbox(name, sender, keys) if options.commands else None
        return Connection(options, uplink, sender, inbox, papers, lambda: opening.tls)

    def certificate_doubt(self, name: str) -> str:
        """The doubt about the dates of that platform's certificate, "" if there is none."""
        line = self._lines.get(name)
        tls = None if line is None else line.tls()
        return "" if tls is None else tls.doubt

    def _doubted(self, name: str, doubt: str) -> None:
        if doubt:
            self._count(f"uplink.{name}", f"certificate {doubt} by a clock nobody vouches for")

    def _papers(self, name: str, options: UplinkOptions) -> "EnrolmentFiles | None":
        """The files of our enrolment at that platform; None without one or if it is damaged."""
        if not (self._keys / f"{name}.enrolment").exists():
            return None
        from gateway.upstream.enrolment.certificates import EnrolmentFiles  # noqa: PLC0415  # X.509 costs 8 MB

        papers = EnrolmentFiles(self._keys, name)
        try:
            return papers if papers.enrolment(options.url) and papers.lifetime() else None
        except (StationError, OSError) as error:  # the station works without them
            _log.error("uplink %s goes without its papers: %s", name, error)
            return None

    def _inbox(self, name: str, sender: Sender, keys: CommandKeys) -> Inbox:
        clock, station = self._clock, self._station
        kinds = [
            ping_command(clock),
            clock_offset_command(clock),
            feed_replay_command(sender, self._journal, clock),
            key_rotate_command(keys, station),
            *self._kinds_of(name),
        ]
        inbox = Inbox(
            name,
            self._journal,
            clock,
            station=station,
            kinds=kinds,
            keys=keys,
            on_fault=self._on_fault,
        )
        sender.on_return, inbox.on_return = inbox.on_reconnected, sender.on_reconnected
        inbox.siblings.others = partial(self._siblings_of, name)
        return inbox

    def _siblings_of(self, name: str) -> list[SiblingInboxes]:
        """All other inboxes; of one that is being reopened, the former."""
        known = {n: line.inbox.siblings for n, line in self._lines.items() if line.inbox}
        return [each for n, each in {**self._former, **known}.items() if n != name]

    def _start(self, name: str) -> None:
        line = self._lines.get(name)
        if line is None:
            return  # it could not be made
        tasks = [supervise(f"uplink {name}", line.sender.run, self._on_fault)]
        if line.inbox is not None:
            listen = partial(_listen, line.inbox, line.uplink)
            tasks.append(supervise(f"inbox {name}", listen, self._on_fault))
        if line.papers is not None:
            keep = partial(self._keep_papers, line)
            tasks.append(supervise(f"papers {name}", keep, self._on_fault))
        self._tasks[name] = tasks

    async def _keep_papers(self, line: Connection) -> None:
        from gateway.upstream.enrolment.renewal import keep_certificate_valid  # noqa: PLC0415  # as in `_papers`

        assert line.papers is not None, "only who is enrolled keeps papers"
        await line.uplink.opened.wait()
        await keep_certificate_valid(
            line.papers, line.tls(), self._station, self._clock, line.sender.set_certificate
        )

    async def _close(self, name: str) -> None:
        await stop_tasks(self._tasks.pop(name, []), STOP_WITHIN_S)
        line, unmade = self._lines.pop(name, None), self._unmade.pop(name, None)
        if unmade is not None:
            self.senders.remove(unmade)
        if line is None:
            return
        self.senders.remove(line.sender)
        if line.inbox is not None and name in self._settings:
            self._former[name] = line.inbox.siblings
        try:
            await line.uplink.close()
        except Exception as error:  # noqa: BLE001  # it is closed all the same
            self._on_fault(f"uplink.{name}", error)


class _Opening:
    """Opens one uplink; `tls` is set once it is open and uses TLS."""

    def __init__(
        self,
        name: str,
        options: UplinkOptions,
        papers: "EnrolmentFiles | None",
        *,
        station: str,
        keys: Path,
        clock: Clock,
        doubted: OnDoubt,
        open_uplink: OpenUplink,
    ) -> None:
        self.tls: PlatformTls | None = None
        self._options = options
        self._papers = papers
        self._clock = clock
        self._doubted = doubted
        self._open_uplink = open_uplink
        self._context = UplinkContext(name, options, station, keys, clock, self._make_tls)

    def open(self) -> Uplink:
        return self._open_uplink(self._context)

    def _make_tls(self) -> PlatformTls:
        own = None if self._papers is None else self._papers.pem
        ca_file = self._options.ca_file
        self.tls = PlatformTls(self._clock, ca_file=ca_file, own=own, doubted=self._doubted)
        return self.tls


def lenders(uplinks: Mapping[str, UplinkOptions]) -> list[UplinkTimeSource]:
    """The uplinks as sources of time, best first: required before optional, else in order."""
    found = []
    for name, options in sorted(uplinks.items(), key=lambda each: not each[1].required):
        found.append(
            UplinkTimeSource(
                name,
                site=(options.host or name).lower(),
                lends=options.lends_time,
                alone=options.required or options.secure,
                secure=options.secure,
                required=options.required,
            )
        )
    return found


def _reason(error: Exception) -> UpstreamError:
    """The reason why an uplink could not be made, as its error."""
    if isinstance(error, StationError):
        return UpstreamError(error.code, **error.data)
    return UpstreamError(FAULT, where=describe_error(error))


async def _listen(inbox: Inbox, uplink: Uplink) -> None:
    await asyncio.to_thread(inbox.prepare)
    await inbox.load()
    await inbox.run(uplink, entropy.jitter_generator())

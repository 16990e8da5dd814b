"""The life of a change to the settings.

    checked ─► staged ─► applied ─► looked after ─► kept
       └► refused: nothing    │           └────────► rolled back, by itself
          was touched         └► a cold change: the next process looks after it

A change is kept only when everything that it touched, and that worked before, works again. What
needs the whole process to start anew (a `cold` change) is looked after by the next one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from gateway.clock import Clock
from gateway.config.load import examine_text
from gateway.config.schema import Settings
from gateway.disk import run_in_time
from gateway.errors import (
    JournalError,
    NotFound,
    StateConflict,
    StationError,
    Unavailable,
    UsageError,
)
from gateway.places import STATION
from gateway.reconfigure.differences import Differences, differences
from gateway.reconfigure.history import SettingsHistory, text_before
from gateway.reconfigure.records import (
    INTERRUPTED,
    ChangeOutcome,
    ChangeRecord,
    ChangeState,
    ChangeTime,
    ChangeTrial,
    WorkingParts,
    digest_of,
)
from gateway.reconfigure.redaction import restore_secrets
from gateway.toml import Mistake, Phrase, dotted_key, parse, settings_error

# How long a line or a platform may take to come back.
SETTLE_WITHIN_S = 30.0

LOOK_EVERY_S = 0.25

# Leaves time for the answer, and for the page of a browser, before the process ends.
RESTART_AFTER_S = 1.0

OUTCOMES_MAX = 16
STATION_ID = ("station", "id")

_log = logging.getLogger(__name__)


class RestartScope(msgspec.Struct, frozen=True):
    """What other settings would restart: buses and uplinks, or (`cold`) the process."""

    cold: bool
    buses: tuple[str, ...] = ()
    uplinks: tuple[str, ...] = ()


class RunningStation(Protocol):
    """The running station as a change sees it."""

    @property
    def settings(self) -> Settings:
        """The settings it runs on."""

    def restart_scope(self, after: Settings) -> RestartScope:
        """What other settings would restart."""

    def working_parts(self, touched: RestartScope, after: Settings) -> WorkingParts:
        """The parts in that scope that work now and exist in the new settings."""

    async def switch_to(self, after: Settings) -> None:
        """Switch to other settings, restarting only what they change."""

    def troubles(self, working: WorkingParts, *, final: bool) -> list[Phrase]:
        """What does not work (yet); with `final`, only what certainly does not."""

    def restart(self) -> None:
        """End this process so that it starts anew on the file."""


class ChangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A requested change. `base` is the digest of the text that it was made from."""

    text: bytes
    who: str
    why: str = ""
    base: str | None = None
    ref: str = ""


class ChangePreview(msgspec.Struct, frozen=True):
    """What a change would do."""

    touched: RestartScope
    differences: Differences


# Calls a function with the arguments that follow it, in a thread.
RunInThread = Callable[..., Awaitable[Any]]

# Called with the whole history whenever it has grown.
ReportRecords = Callable[[Sequence[ChangeRecord]], Awaitable[None]]


class _Staged(NamedTuple):
    """A change that is on disk but not confirmed."""

    trial: ChangeTrial
    text: bytes
    former: Settings | None


class SettingsLifecycle:
    """One change at a time; `running` is the text that the station runs on."""

    def __init__(
        self,
        shelf: SettingsHistory,
        live: RunningStation,
        clock: Clock,
        tell: ReportRecords,
        running: bytes,
        *,
        aside: RunInThread = asyncio.to_thread,
    ) -> None:
        """`tell` records the history in the journal.

        `aside` runs slow work, such as an fsync, in a thread while the buses go on.
        """
        self.shelf = shelf
        self.running = running
        self.records: Sequence[ChangeRecord] = shelf.records()
        self.under_way: ChangeTrial | None = None
        self._live = live
        self._clock = clock
        self._tell = tell
        self._aside = aside
        self._task: asyncio.Task[ChangeOutcome] | None = None
        self._refs: dict[str, asyncio.Task[ChangeOutcome]] = {}

    @property
    def busy(self) -> bool:
        """Whether a change is being checked, tried, rolled back or recorded."""
        return self.under_way is not None or (self._task is not None and not self._task.done())

    async def start(self, trial: ChangeTrial | None) -> None:
        """At a start: watch the change that asked for it, else record an edit by hand."""
        if trial is not None:
            self.under_way = trial
            self._begin(self._look_after(_Staged(trial, self.running, None)), trial.ref)
            return
        try:
            run_in_time(partial(self.shelf.record_manual_edit, self.running, self._now()))
        except OSError as error:
            _log.warning("the settings' history cannot be written: %s", error)
        await self._told()

    async def apply(self, change: ChangeRequest) -> ChangeOutcome:
        """Apply a change; SettingsError lists its mistakes, Unavailable if another is under way.

        It goes on if the caller is cancelled.
        """
        if self.busy:
            raise Unavailable("appliance.busy")
        return await asyncio.shield(self._begin(self._see_through(change), change.ref))

    async def undo(self, who: str, why: str, number: int | None = None) -> ChangeOutcome:
        """Apply the text of that change, or of the one before the last; UsageError if gone."""
        record = self._past(number)
        text = None if record is None else self.shelf.text_named(record.digest)
        if text is None:
            if number is None:
                raise StateConflict("appliance.nothing-before")
            raise NotFound("appliance.no-text", number=number)
        return await self.apply(ChangeRequest(text=text, who=who, why=why))

    async def preview(self, text: bytes) -> ChangePreview:
        """What that text would change; SettingsError lists its mistakes."""
        found, settings = await self._aside(self._checked, ChangeRequest(text=text, who=""))
        return ChangePreview(self._live.restart_scope(settings), differences(self.running, found))

    async def outcome(self, ref: str) -> ChangeOutcome:
        """The outcome of the change that a command asked for; Unavailable if there is none."""
        if ref in self._refs:
            return await asyncio.shield(self._refs[ref])
        for record in self.records:
            if record.ref == ref:
                return ChangeOutcome.from_record(record)
        raise Unavailable(INTERRUPTED)

    async def stop(self) -> None:
        """Stop; the next process settles what is under way."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def _past(self, number: int | None) -> ChangeRecord | None:
        if number is None:
            return text_before(list(self.records), digest_of(self.running))
        return next((record for record in self.records if record.number == number), None)

    def _begin(
        self, doing: Coroutine[Any, Any, ChangeOutcome], ref: str
    ) -> asyncio.Task[ChangeOutcome]:
        task = self._task = asyncio.create_task(doing, name="settings")
        task.add_done_callback(_heard)
        if ref:
            self._refs[ref] = task
            for old in list(self._refs)[:-OUTCOMES_MAX]:
                del self._refs[old]
        return task

    async def _see_through(self, change: ChangeRequest) -> ChangeOutcome:
        text, settings = await self._aside(self._checked, change)
        digest, former = digest_of(text), digest_of(self.running)
        number = self.shelf.next_number()
        if digest == former:
            return ChangeOutcome("unchanged", number - 1, digest)
        touched = self._live.restart_scope(settings)
        trial = ChangeTrial(
            number=number,
            digest=digest,
            former=former,
            who=change.who,
            why=change.why,
            ref=change.ref,
            working=self._live.working_parts(touched, settings),
            cold=touched.cold,
        )
        await self._aside(self._stage, trial, text)
        self.under_way = trial
        if trial.cold:
            asyncio.get_running_loop().call_later(RESTART_AFTER_S, self._live.restart)
            return ChangeOutcome("restarting", trial.number, trial.digest)
        return await self._try(_Staged(trial, text, self._live.settings), settings)

    def _checked(self, change: ChangeRequest) -> tuple[bytes, Settings]:
        """The whole text and its settings."""
        present, file = digest_of(self.running), str(self.shelf.file)
        if change.base is not None and change.base != present:
            raise StateConflict("appliance.other-base", base=change.base, present=present)
        text = restore_secrets(change.text, self.running, file)
        settings, mistakes = examine_text(text, self.shelf.file)
        if settings is None:
            raise settings_error(mistakes)
        own = self._live.settings.station.id
        if settings.station.id != own:
            line, key = parse(text, file).lines.line_of(STATION_ID), dotted_key(STATION_ID)
            raise settings_error([Mistake(file, line, key, "appliance.other-station", {"id": own})])
        if self.shelf.readable_text() not in (None, self.running, text):
            # Somebody is at work on the file itself; their work is not ours to overwrite.
            raise UsageError("appliance.edited", path=file)
        return text, settings

    def _stage(self, trial: ChangeTrial, text: bytes) -> None:
        try:
            self.shelf.begin(trial, text, self.running)
        except (OSError, StationError) as error:
            with contextlib.suppress(OSError, StationError):  # then the next start puts it right
                self.shelf.abandon(trial)
            raise _said(error) from error

    async def _try(self, staged: _Staged, settings: Settings) -> ChangeOutcome:
        try:
            await self._live.switch_to(settings)
        except Exception as error:  # noqa: BLE001  # whatever a room says to settings that passed the check
            _log.error("settings %d cannot be taken up: %s", staged.trial.number, error)
            return await self._back(staged, (failure_phrase(error),))
        return await self._look_after(staged)

    async def _look_after(self, staged: _Staged) -> ChangeOutcome:
        loop = asyncio.get_running_loop()
        trial, until_s = staged.trial, loop.time() + SETTLE_WITHIN_S
        while troubles := self._live.troubles(trial.working, final=loop.time() >= until_s):
            if loop.time() >= until_s:
                return await self._back(staged, tuple(troubles))
            await asyncio.sleep(LOOK_EVERY_S)
        try:
            outcome = await self._end(trial, "kept")
        except OSError as error:  # nobody could know after a power cut that it was kept
            return await self._back(staged, (failure_phrase(_said(error)),))
        self.running = staged.text
        return outcome

    async def _back(self, staged: _Staged, troubles: tuple[Phrase, ...]) -> ChangeOutcome:
        """Restore the former settings; after a cold change the process starts anew."""
        trial = staged.trial
        try:
            await self._aside(self.shelf.roll_back, trial)
            outcome = await self._end(trial, "rolled-back", troubles)
        except (OSError, StationError) as error:
            # The trial stays on disk, so the next start does what the disk refuses now.
            _log.error("the former settings cannot be put back: %s", error)
            outcome = ChangeOutcome("rolled-back", trial.number, trial.digest, troubles)
            self.under_way = None
        try:
            if staged.former is not None:
                await self._live.switch_to(staged.former)
                return outcome
        except Exception:  # noqa: BLE001  # whatever it was: a fresh process knows the way
            _log.exception("the former settings cannot be taken up")
        self._live.restart()
        return outcome

    async def _end(
        self, trial: ChangeTrial, state: ChangeState, troubles: tuple[Phrase, ...] = ()
    ) -> ChangeOutcome:
        record = trial.record(state, self._now(), troubles)
        await self._aside(self.shelf.end, record)
        self.under_way = None
        _log.info("settings %d: %s", record.number, state)  # by whom stands in the audit
        await self._told()
        return ChangeOutcome.from_record(record)

    async def _told(self) -> None:
        self.records = self.shelf.records()
        with contextlib.suppress(JournalError):  # the next start tells it
            await self._tell(self.records)

    def _now(self) -> ChangeTime:
        return ChangeTime.from_stamps(self._clock.stamp())


# Sections that a running station can change over to; any other needs a restart. Places and zones
# are not among them: the guard's zones, the words of announcements, the rides and the alarm pages
# are built from them once.
WARM = frozenset({"station", "buses", "devices", "uplinks"})


def needs_restart(former: Settings, after: Settings) -> bool:
    """Whether the process must start anew.

    Also for another set of required uplinks: the journal holds entries for them.
    """
    others = [field for field in Settings.__struct_fields__ if field not in WARM | {"places"}]
    if any(getattr(former, field) != getattr(after, field) for field in others):
        return True
    if _hours_and_places(former) != _hours_and_places(after):
        return True
    return _required(former) != _required(after)


def _hours_and_places(settings: Settings) -> tuple[object, ...]:
    """The time zone and the tree of places; the station's name is not part of it."""
    return settings.station.timezone, *(place for place in settings.places if place.id != STATION)


def _required(settings: Settings) -> set[str]:
    return {name for name, uplink in settings.uplinks.items() if uplink.required}


def failure_phrase(error: Exception) -> Phrase:
    """An exception as a reason for people."""
    code, data = getattr(error, "code", None), getattr(error, "data", {})
    if isinstance(code, str):
        return Phrase(code, {name: str(value) for name, value in data.items()})
    return Phrase("appliance.failed", {"reason": str(error) or type(error).__name__})


def _said(error: OSError | StationError) -> StationError:
    if isinstance(error, StationError):
        return error
    return Unavailable("appliance.no-room", reason=error.strerror)


def _heard(task: asyncio.Task[ChangeOutcome]) -> None:
    """Retrieve the error of a task whose caller may have gone away."""
    if not task.cancelled() and isinstance(error := task.exception(), Exception):
        _log.debug("a change of the settings ended: %s", error)

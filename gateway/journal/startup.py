"""Opens the journal for a station that must not wait: on disk, else in memory for now.

At every start the journal on disk has four seconds. If it takes longer (a slow card, a file to
check), if the disk has no room for it, or if the disk counts as dead, the station starts on a
journal in memory, marked `volatile`. The opening continues behind it or is retried at growing
intervals. Once the journal on disk is intact and opens fast enough for a start, `recovered` is set
and the station restarts on it. What was in memory is laid beside it as a wreck and imported like
any other, also if the station is stopped before and the disk accepts it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, JournalFailed, JournalFull, JournalLocked
from gateway.journal.journal import Journal
from gateway.journal.open_failures import STRIKES_MAX, OpenFailures
from gateway.journal.options import JournalOptions
from gateway.journal.writer import ThreadShell, WriterShell

log = logging.getLogger(__name__)

OPENING_S = 4.0
# A restart for the disk's sake happens only if its journal opens in half the time of a start.
QUICK_S = 2.0

# Interval between restarts for the disk's sake; doubles each time.
REST_S, REST_S_MAX = 600.0, 3600.0

# Between two attempts: a card that was just plugged in again needs a moment.
PAUSE_S = 1.0

# Interval between attempts behind a running station; doubles each time, and for each failure beyond
# those that declared the disk dead. The failures expire during the first interval.
AGAIN_S, AGAIN_S_MAX = 60.0, 3600.0

# How often the start's observer is told that it goes on.
WAITED_S = 1.0


class _Opener(NamedTuple):
    """The journal of one station, and the outcome of the attempts to open it."""

    directory: Path
    station: str
    options: JournalOptions
    clock: Clock
    retaining: Collection[str] | None
    strikes: OpenFailures
    shell: Callable[[], WriterShell]

    async def on_disk(self) -> Journal:
        """One attempt. Only disk errors count as failures; a full disk does not."""
        self.strikes.begin()
        try:
            journal = await Journal.open(
                self.directory,
                station=self.station,
                options=self.options,
                clock=self.clock,
                retaining=self.retaining,
                shell=self.shell,
            )
        except (JournalFailed, JournalDamaged) as error:
            log.warning("the journal in %s cannot be opened: %s", self.directory, error)
            self.strikes.end()
            self.strikes.note()
            raise
        except (JournalError, asyncio.CancelledError):  # a stop is not a kill
            self.strikes.end()
            raise
        except Exception as error:  # the edge: our mistake must not prevent a start
            log.exception("the journal in %s cannot be opened", self.directory)
            self.strikes.end()
            self.strikes.note()
            raise JournalFailed("journal.failed", reason=type(error).__name__) from error
        self.strikes.end()
        return journal

    async def in_memory(self) -> Journal:
        return await Journal.open_in_memory(
            station=self.station,
            options=self.options,
            clock=self.clock,
            retaining=self.retaining,
            shell=self.shell,
        )

    async def recover(self, journal: Journal, opening: asyncio.Task[Journal] | None) -> None:
        """Make the journal on disk available behind the one in memory, then set `recovered`."""
        strikes, restarts = self.strikes.recent_counts()
        not_before_s = _rested_s(restarts)
        tries = max(0, strikes - STRIKES_MAX)
        while opening is None or not await self._can_be_had(opening, not_before_s):
            tries += 1
            await asyncio.sleep(_doubled(AGAIN_S / 2, tries, AGAIN_S_MAX))
            opening = None if self.strikes.out() else asyncio.create_task(self.on_disk())
        self.strikes.recovered()
        journal.mark_recovered()

    async def _can_be_had(self, opening: asyncio.Task[Journal], not_before_s: float) -> bool:
        """Whether the journal, intact by then, opens fast enough for a restart."""
        loop = asyncio.get_running_loop()
        try:
            await (await opening).close()
            await asyncio.sleep(max(0.0, not_before_s - loop.time()))
            began_s = loop.time()
            await (await self.on_disk()).close()
        except JournalError as error:  # another process inspects it now, or the disk is still dead
            log.warning("the journal on disk is not to be had yet: %s", error)
            return False
        took_s = loop.time() - began_s
        if took_s > QUICK_S:
            log.warning("the journal on disk takes %.1f s to open: too long for a start", took_s)
        return took_s <= QUICK_S


def _rested_s(restarts: int) -> float:
    """The loop time of the next restart for the disk's sake, after so many of them."""
    return asyncio.get_running_loop().time() + _doubled(REST_S / 2, restarts, REST_S_MAX)


def _doubled(half_s: float, times: int, most_s: float) -> float:
    """0 for `times` 0, else doubling with each time; bounded even after months."""
    return 0.0 if times == 0 else min(half_s * 2.0 ** min(times, 16), most_s)


async def open_or_volatile(
    directory: Path,
    *,
    runtime: Path,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
    pause_s: float = PAUSE_S,
    opening_s: float = OPENING_S,
    shell: Callable[[], WriterShell] = ThreadShell,
    on_wait: Callable[[], object] = lambda: None,
) -> Journal:
    """The journal on disk; if that takes too long or fails, one in memory, `volatile`.

    JournalHeld is no disk failure and is raised. `on_wait` is called each second.
    """
    strikes = OpenFailures(runtime, clock)
    opener = _Opener(directory, station, options, clock, retaining, strikes, shell)
    until_s = asyncio.get_running_loop().time() + opening_s
    while not strikes.out():
        opening = asyncio.create_task(opener.on_disk())
        try:
            in_time = await _ended(opening, until_s, on_wait)
        except asyncio.CancelledError:  # a stop is no kill
            opening.cancel()
            await asyncio.wait({opening})
            raise
        if not in_time:
            log.error("the journal in %s takes long to open: going on in memory", directory)
            return await _meanwhile(opener, opening)
        try:
            journal = opening.result()
        except JournalLocked:
            raise
        except JournalFull as error:
            log.error("the journal in %s has no room: %s", directory, error)  # noqa: TRY400
            return await _meanwhile(opener, opening)
        except (JournalFailed, JournalDamaged):
            if not strikes.out():
                await asyncio.sleep(pause_s)
        else:
            journal.fatal.add_done_callback(lambda _: strikes.note())
            return journal
    log.error("the disk of %s is taken for dead: going on in memory", directory)
    return await _meanwhile(opener, None)


async def _ended(
    opening: asyncio.Task[Journal], until_s: float, on_wait: Callable[[], object]
) -> bool:
    """Whether it ends in time; the first attempt and a second one share that time."""
    loop = asyncio.get_running_loop()
    while not opening.done() and (left_s := until_s - loop.time()) > 0:
        await asyncio.wait({opening}, timeout=min(WAITED_S, left_s))
        if not opening.done():
            on_wait()
    return opening.done()


async def _meanwhile(opener: _Opener, opening: asyncio.Task[Journal] | None) -> Journal:
    """A journal in memory, and a task that takes care of the one on disk."""
    journal = await opener.in_memory()
    journal.keep_wreck_in(opener.directory)
    recovering = opener.recover(journal, opening)
    journal.behind = asyncio.create_task(recovering, name="journal recovery")
    return journal


async def replace_hung_journal(
    hung: Journal,
    directory: Path,
    *,
    runtime: Path,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
    shell: Callable[[], WriterShell] = ThreadShell,
) -> Journal:
    """A journal in memory to replace one that is open and whose disk does not answer.

    When the disk answers, that journal is closed and `recovered` is set, no sooner than after
    any other restart for the disk's sake. Nobody else may close it.
    """
    strikes, loop = OpenFailures(runtime, clock), asyncio.get_running_loop()
    not_before_s = _rested_s(strikes.recent_counts()[1])
    opener = _Opener(directory, station, options, clock, retaining, strikes, shell)
    journal = await opener.in_memory()
    journal.keep_wreck_in(directory)

    async def recover() -> None:
        with contextlib.suppress(JournalError):  # the next start sees what the disk holds
            await hung.close()
        await asyncio.sleep(max(0.0, not_before_s - loop.time()))
        strikes.recovered()
        journal.mark_recovered()

    journal.behind = asyncio.create_task(recover(), name="journal recovery")
    return journal

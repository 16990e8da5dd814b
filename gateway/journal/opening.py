"""Opening the journal for a station that must not wait: on the disk, else for now in memory.

The disk's journal has five seconds. Where it takes longer (a slow card, a whole file to look over),
or where the disk has no room for it, the station starts on a journal in memory, marked `volatile`;
the opening goes on, or is tried again, behind it. When the disk's journal is whole, `recovered` is
set and the station starts anew on it. What was in memory is then laid beside it as a wreck, and
comes over like any other. So it is where the station is stopped before, if the disk takes it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, JournalFailed, JournalFull, JournalHeld
from gateway.journal.journal import Journal
from gateway.journal.options import JournalOptions
from gateway.journal.strikes import Strikes

log = logging.getLogger(__name__)

OPENING_S = 5.0
PATIENT_S = 30.0
"""Right after a new start for the disk's sake: it would only be in memory again."""

REST_S = 600.0
"""From one new start for the disk's sake to the next."""

PAUSE_S = 1.0
"""Between two attempts: a card that was just plugged in again needs a moment."""

AGAIN_S = 60.0
"""Between two attempts behind a running station."""

WAITED_S = 1.0
"""How often whoever watches the start is told that it goes on."""


class _Opener(NamedTuple):
    """The journal of one station, and what became of the attempts to open it."""

    directory: Path
    station: str
    options: JournalOptions
    clock: Clock
    retaining: Collection[str] | None
    strikes: Strikes

    async def on_disk(self) -> Journal:
        """One attempt. Only an error of the disk is a strike; a full one is none."""
        self.strikes.begin()
        try:
            journal = await Journal.open(
                self.directory,
                station=self.station,
                options=self.options,
                clock=self.clock,
                retaining=self.retaining,
            )
        except (JournalFailed, JournalDamaged) as error:
            log.warning("the journal in %s cannot be opened: %s", self.directory, error)
            self.strikes.end()
            self.strikes.note()
            raise
        except (JournalError, asyncio.CancelledError):  # a stop is no kill
            self.strikes.end()
            raise
        except Exception as error:  # the edge: a mistake of ours is no reason not to start
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
        )

    async def recover(
        self, journal: Journal, opening: asyncio.Task[Journal], rest_s: float
    ) -> None:
        """Have the disk's journal whole behind the one in memory, then set `recovered`."""
        loop = asyncio.get_running_loop()
        not_before_s = loop.time() + rest_s
        while True:
            try:
                whole = await opening
            except JournalHeld:
                return  # somebody else's by now
            except JournalError as error:
                log.warning("the journal on disk is not to be had yet: %s", error)
                if self.strikes.out() and not isinstance(error, JournalFull):
                    return
            else:
                await whole.close()
                await asyncio.sleep(max(0.0, not_before_s - loop.time()))
                self.strikes.recovered()
                journal.can_be_had()
                return
            await asyncio.sleep(AGAIN_S)
            opening = asyncio.create_task(self.on_disk())


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
    on_wait: Callable[[], object] = lambda: None,
) -> Journal:
    """The journal on disk; where that takes too long or cannot be, one in memory, `volatile`.

    JournalHeld is no failure of the disk, and is raised. `on_wait` is called each second.
    """
    strikes = Strikes(runtime, clock)
    opener = _Opener(directory, station, options, clock, retaining, strikes)
    again = strikes.recovered_lately()
    until_s = asyncio.get_running_loop().time() + (PATIENT_S if again else opening_s)
    rest_s = REST_S if again else 0.0
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
            return await _meanwhile(opener, opening, rest_s)
        try:
            journal = opening.result()
        except JournalHeld:
            raise
        except JournalFull as error:
            log.error("the journal in %s has no room: %s", directory, error)  # noqa: TRY400
            return await _meanwhile(opener, opening, rest_s)
        except (JournalFailed, JournalDamaged):
            if not strikes.out():
                await asyncio.sleep(pause_s)
        else:
            journal.fatal.add_done_callback(lambda _: strikes.note())
            return journal
    return await opener.in_memory()


async def _ended(
    opening: asyncio.Task[Journal], until_s: float, on_wait: Callable[[], object]
) -> bool:
    """Whether it ends in time; the first attempt and a second one have the time together."""
    loop = asyncio.get_running_loop()
    while not opening.done() and (left_s := until_s - loop.time()) > 0:
        await asyncio.wait({opening}, timeout=min(WAITED_S, left_s))
        if not opening.done():
            on_wait()
    return opening.done()


async def _meanwhile(opener: _Opener, opening: asyncio.Task[Journal], rest_s: float) -> Journal:
    """A journal in memory, and somebody who looks after the one on disk."""
    journal = await opener.in_memory()
    journal.keep_in(opener.directory)
    recovering = opener.recover(journal, opening, rest_s)
    journal.behind = asyncio.create_task(recovering, name="journal recovery")
    return journal

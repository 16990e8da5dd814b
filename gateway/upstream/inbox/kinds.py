"""The kinds of command that the upstream carries out itself."""

import asyncio
from typing import Any

import msgspec

from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused
from gateway.event import Lane
from gateway.upstream.inbox.command import EXPIRED, MALFORMED, CommandKind
from gateway.upstream.ports import Ledger
from gateway.upstream.receipt import Range
from gateway.upstream.sender import Sender


class Ping(msgspec.Struct, frozen=True):
    """Asks whether anybody is there."""


class Replay(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Send numbers `first` to `last` of a lane once more."""

    lane: str
    first: int
    last: int


def ping(clock: Clock) -> CommandKind:
    """`ping`: answers with what the station's time rests on."""

    async def act(_ping: Ping, _deadline: Deadline) -> Any:
        status = clock.status()
        return {"trust": status.trust.value, "uptime_s": clock.now_ns() // 1_000_000_000}

    return CommandKind("ping", Ping, act)


def feed_replay(sender: Sender, journal: Ledger, clock: Clock) -> CommandKind:
    """`feed.replay`: what the history still has, and a gap for what it has not."""

    async def act(asked: Replay, deadline: Deadline) -> Any:
        wanted = _range(asked, journal)
        resend = sender.resend(wanted)
        try:
            async with asyncio.timeout(deadline.left_ns(clock) / 1e9):
                await resend.done
        except TimeoutError:
            resend.finish()
            raise CommandRefused(EXPIRED) from None
        return {"events": resend.entries, "gaps": resend.gaps, "to": wanted.last}

    return CommandKind("feed.replay", Replay, act)


def _range(asked: Replay, journal: Ledger) -> Range:
    try:
        lane = Lane.parse(asked.lane)
    except ValueError:
        raise CommandRefused(MALFORMED, reason=asked.lane) from None
    last = min(asked.last, journal.heads().get(lane, 0))
    if not 1 <= asked.first <= last:
        raise CommandRefused(MALFORMED, reason=f"{asked.first}..{asked.last}")
    return Range(lane, asked.first, last)

"""The kinds of command that the upstream handles itself."""

import asyncio
from typing import Any

import msgspec

from gateway import signing
from gateway.clock import Clock
from gateway.errors import CommandRefused
from gateway.event import Lane, Trust, parse_rfc3339
from gateway.journal.ports import ReadAppender
from gateway.upstream.feed.receipt import LaneRange
from gateway.upstream.feed.sender import Sender
from gateway.upstream.inbox.command import (
    EXPIRED,
    INTERRUPTED,
    MALFORMED,
    CommandKind,
    Mandate,
)
from gateway.upstream.inbox.command_keys import CommandKeys


class PingData(msgspec.Struct, frozen=True):
    """`ping` has no data."""


class ClockOffsetData(msgspec.Struct, frozen=True):
    """`at`: the platform's time when it wrote the command, RFC 3339."""

    at: str


class RotateKeyData(msgspec.Struct, frozen=True):
    """A new command key. `proof`: its own signature over {"key", "station"}.

    Without the proof a mistyped key would lock the platform out of every station.
    """

    key: str
    proof: str


class FeedReplayData(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Numbers `first` to `last` of a lane, to be sent once more."""

    lane: str
    first: int
    last: int


def ping_command(clock: Clock) -> CommandKind:
    """`ping`: answers with the source of the station's time."""

    async def act(_ping: PingData, _mandate: Mandate) -> Any:
        status = clock.status()
        return {"trust": status.trust.value, "uptime_s": clock.now_ns() // 1_000_000_000}

    return CommandKind("ping", PingData, act, of_uplink=True)


def clock_offset_command(clock: Clock) -> CommandKind:
    """`clock.offset`: the station's time minus the platform's, and the source of the former.

    `offset_ms` includes the command's travel time: at most the length of one poll.
    """

    async def act(asked: ClockOffsetData, _mandate: Mandate) -> Any:
        try:
            said_ns = parse_rfc3339(asked.at)
        except (ValueError, OverflowError):
            raise CommandRefused(MALFORMED, reason=asked.at) from None
        status = clock.status()
        told: dict[str, Any] = {"trust": status.trust.value}
        if status.trust is not Trust.NONE and status.wall_ns is not None:
            told["offset_ms"] = (status.wall_ns - said_ns) // 1_000_000
            told["error_ms"] = round(status.error_s * 1000)
            told["age_s"] = round(status.age_s)
        return told

    return CommandKind("clock.offset", ClockOffsetData, act, of_uplink=True)


def key_rotate_command(keys: CommandKeys, station: str) -> CommandKind:
    """`key.rotate`: signed with the key in force, it replaces that key."""

    async def act(asked: RotateKeyData, _mandate: Mandate) -> Any:
        named = {"key": asked.key, "station": station}
        if not signing.is_public_key(asked.key) or not signing.verify_signature(
            asked.key, named, asked.proof
        ):
            raise CommandRefused("inbox.key-unproved")
        keys.rotate(asked.key)
        return {"key": asked.key}

    async def settle(asked: RotateKeyData, _mandate: Mandate) -> Any:
        if keys.key != asked.key:
            raise CommandRefused(INTERRUPTED)
        return {"key": asked.key}

    return CommandKind("key.rotate", RotateKeyData, act, settle=settle, of_uplink=True)


def feed_replay_command(sender: Sender, journal: ReadAppender, clock: Clock) -> CommandKind:
    """`feed.replay`: sends what the history still holds, and gaps for the rest."""

    async def act(asked: FeedReplayData, mandate: Mandate) -> Any:
        wanted = _range(asked, journal)
        resend = sender.resend_range(wanted)
        try:
            async with asyncio.timeout(mandate.deadline.left_ns(clock) / 1e9):
                await resend.done
        except TimeoutError:
            resend.finish()
            raise CommandRefused(EXPIRED) from None
        return {"events": resend.entries, "gaps": resend.gaps, "to": wanted.last}

    return CommandKind("feed.replay", FeedReplayData, act, cancellable=True, of_uplink=True)


def _range(asked: FeedReplayData, journal: ReadAppender) -> LaneRange:
    try:
        lane = Lane.parse(asked.lane)
    except ValueError:
        raise CommandRefused(MALFORMED, reason=asked.lane) from None
    last = min(asked.last, journal.heads().get(lane, 0))
    if not 1 <= asked.first <= last:
        raise CommandRefused(MALFORMED, reason=f"{asked.first}..{asked.last}")
    return LaneRange(lane, asked.first, last)

"""The kinds of command that read and change the settings."""

import asyncio
from typing import Any

import msgspec

from gateway.appliance.settings.cycle import Change, Cycle
from gateway.appliance.settings.records import Outcome, digest_of
from gateway.appliance.settings.veil import veiled
from gateway.errors import CommandRefused, SettingsError
from gateway.settings import Mistake
from gateway.upstream.inbox.command import CommandKind, Mandate

MISTAKES_MAX = 20

# Limits of a receipt: a text may consist of nothing but mistakes.
VALUE_CHARACTERS_MAX = 200


class Read(msgspec.Struct, frozen=True):
    """Asks for the settings as they stand."""


class Apply(msgspec.Struct, frozen=True):
    """The whole text that `station.toml` is to be; `base` is the digest of what it was."""

    text: str
    why: str
    base: str | None = None


def settings_read(cycle: Cycle) -> CommandKind:
    """`settings.read`: the text, its secrets under a veil, and the digest to change it from."""

    async def act(_asked: Read, _mandate: Mandate) -> Any:
        return {
            "digest": digest_of(cycle.running),
            "text": veiled(cycle.running, str(cycle.shelf.file)),
        }

    return CommandKind("settings.read", Read, act)


def settings_apply(cycle: Cycle, uplink: str) -> CommandKind:
    """`settings.apply`: done once the new settings have proved to work, else as before."""

    async def act(asked: Apply, mandate: Mandate) -> Any:
        change = Change(
            text=asked.text.encode(),
            who=f"platform:{uplink}",
            why=asked.why,
            base=asked.base,
            ref=mandate.id,
        )
        try:
            return await _told(await cycle.apply(change))
        except SettingsError as error:
            raise _with_mistakes(error) from error

    async def settle(_asked: Apply, mandate: Mandate) -> Any:
        return await _told(await cycle.outcome(mandate.id))

    return CommandKind("settings.apply", Apply, act, settle=settle)


async def _told(outcome: Outcome) -> Any:
    """The receipt's detail. A station that starts anew leaves the answer to the next process."""
    if outcome.state == "restarting":
        await asyncio.get_running_loop().create_future()
    if outcome.state == "rolled-back":
        troubles = [{**each.data, "code": each.code} for each in outcome.troubles]
        raise CommandRefused("appliance.rolled-back", number=outcome.number, troubles=troubles)
    return {"state": outcome.state, "number": outcome.number, "digest": outcome.digest}


def _with_mistakes(error: SettingsError) -> CommandRefused:
    """The mistakes in one receipt, as plain values; `count` says how many there are in all."""
    mistakes: tuple[Mistake, ...] = error.data.get("mistakes", ())
    plain = [_plain(each) for each in mistakes[:MISTAKES_MAX]]
    data = {name: value for name, value in error.data.items() if name != "mistakes"}
    return CommandRefused(error.code, **data, mistakes=plain)


def _plain(mistake: Mistake) -> dict[str, Any]:
    data = {
        name: str(value)[:VALUE_CHARACTERS_MAX]
        for name, value in mistake.data.items()
        if isinstance(value, str | int | float)
    }
    return {"line": mistake.line, "path": mistake.path, "code": mistake.code, "data": data}

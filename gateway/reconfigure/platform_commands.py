"""The platform's commands that read and change the settings."""

import asyncio
from typing import Any

import msgspec

from gateway.errors import CommandRefused, SettingsError
from gateway.reconfigure.lifecycle import ChangeRequest, SettingsLifecycle
from gateway.reconfigure.records import ChangeOutcome, digest_of
from gateway.reconfigure.redaction import redact
from gateway.toml import Mistake
from gateway.upstream.inbox.command import CommandKind, Mandate

MISTAKES_MAX = 20

# Limits of a receipt: a text may consist of nothing but mistakes.
VALUE_CHARACTERS_MAX = 200


class ReadSettings(msgspec.Struct, frozen=True):
    """Asks for the present settings."""


class ApplySettings(msgspec.Struct, frozen=True):
    """The whole new text of `station.toml`; `base` is the digest of the text it replaces."""

    text: str
    why: str
    base: str | None = None


def settings_read(cycle: SettingsLifecycle) -> CommandKind:
    """`settings.read`: the text with secrets redacted, and its digest."""

    async def act(_asked: ReadSettings, _mandate: Mandate) -> Any:
        return {
            "digest": digest_of(cycle.running),
            "text": redact(cycle.running, str(cycle.shelf.file)),
        }

    return CommandKind("settings.read", ReadSettings, act)


def settings_apply(cycle: SettingsLifecycle, uplink: str) -> CommandKind:
    """`settings.apply`: done once the new settings work; otherwise rolled back."""

    async def act(asked: ApplySettings, mandate: Mandate) -> Any:
        change = ChangeRequest(
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

    async def settle(_asked: ApplySettings, mandate: Mandate) -> Any:
        return await _told(await cycle.outcome(mandate.id))

    return CommandKind("settings.apply", ApplySettings, act, settle=settle)


async def _told(outcome: ChangeOutcome) -> Any:
    """The detail of the receipt. After a restart the next process answers."""
    if outcome.state == "restarting":
        await asyncio.get_running_loop().create_future()
    if outcome.state == "rolled-back":
        troubles = [{**each.data, "code": each.code} for each in outcome.troubles]
        raise CommandRefused("appliance.rolled-back", number=outcome.number, troubles=troubles)
    return {"state": outcome.state, "number": outcome.number, "digest": outcome.digest}


def _with_mistakes(error: SettingsError) -> CommandRefused:
    """The mistakes in one receipt as plain values; `count` is their number."""
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

"""What a platform does with a work order: `work.update`."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from gateway.audit import Actor
from gateway.upstream.inbox.command import CommandKind, Mandate
from kiosk.requests.request import ActName, RequestAction, Text
from kiosk.runtime.service import RequestService


class WorkUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform has done with a work order; `reply` is spoken at the kiosk."""

    request: str
    act: ActName
    reply: Text = ""
    by: Annotated[str, msgspec.Meta(max_length=40)] = ""


def work_update_command(requests: RequestService) -> CommandKind:
    """`work.update`: received, assigned, started, finished, closed."""

    async def act(asked: WorkUpdate, mandate: Mandate) -> Any:
        deed = RequestAction(act=asked.act, reply=asked.reply, by=asked.by)
        done = await requests.apply_action(asked.request, deed, Actor("platform", mandate.id))
        return {"state": done.state}

    return CommandKind("work.update", WorkUpdate, act)


def command_kinds(requests: RequestService, uplink: str) -> Iterator[CommandKind]:
    """The commands of this type, from the platform behind that uplink."""
    del uplink
    yield work_update_command(requests)

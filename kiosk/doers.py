"""What others may have the kiosk do: a linkage's `request` and `call`, and the platform's word."""

from typing import Annotated, Any

import msgspec

from gateway.audit import Who
from gateway.rules.linkage import Call, Task, action_of
from gateway.rules.linkage import Request as RequestAction
from gateway.upstream.inbox.command import CommandKind, Mandate
from kiosk.catalogue import CALL_SERVICE
from kiosk.core import Deed
from kiosk.dispatch import Status
from kiosk.request import ActName, Press, Text
from kiosk.room import Requests

PLATFORM = "platform"
OTHER = "other"
"""What a rule finds broken has no picture of its own; its text says what it is."""


class Opens:
    """A linkage's `request = "repair"` or `call = "desk"`; its task's id is the press."""

    def __init__(self, requests: Requests) -> None:
        """In that room."""
        self._requests = requests

    async def do(self, task: Task) -> None:
        """Open it, once."""
        action = action_of(task)
        assert isinstance(action, RequestAction | Call)
        wanted = action.request if isinstance(action, RequestAction) else CALL_SERVICE
        service = self._requests.services.get(wanted)
        chosen = action.what if isinstance(action, RequestAction) else None
        press = Press(
            press=task.id,
            kiosk="",
            service=wanted,
            what=chosen or (OTHER if service is not None and service.what else task.rule),
            # a call is rung in the hall, and says where: the alarm itself says it to staff
            where=None if task.private and wanted == CALL_SERVICE else task.place or None,
            note=task.text,
        )
        await self._requests.press(press, Who("linkage", task.linkage))


class RideUpdate(Status, frozen=True, kw_only=True):
    """How a ride stands at the platform's; `ride` as it was asked for."""

    ride: str


class WorkUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform has done with a work order; `reply` is spoken at the kiosk."""

    request: str
    act: ActName
    reply: Text = ""
    by: Annotated[str, msgspec.Meta(max_length=40)] = ""


def ride_update(requests: Requests, uplink: str) -> CommandKind:
    """`ride.update`: searching, assigned, arrived, boarded, driver-cancelled, none.

    A platform speaks only of rides that were asked of it, by its own `uplink`.
    """

    async def act(asked: RideUpdate, _mandate: Mandate) -> Any:
        await requests.told(PLATFORM, asked.ride, asked, uplink)
        return {"state": requests.core.ride(asked.ride).state}

    return CommandKind("ride.update", RideUpdate, act)


def work_update(requests: Requests) -> CommandKind:
    """`work.update`: received, assigned, started, finished, closed."""

    async def act(asked: WorkUpdate, mandate: Mandate) -> Any:
        deed = Deed(act=asked.act, reply=asked.reply, by=asked.by)
        done = await requests.act(asked.request, deed, Who("platform", mandate.id))
        return {"state": done.state}

    return CommandKind("work.update", WorkUpdate, act)

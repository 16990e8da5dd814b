"""What a linkage opens: `request = "repair"`, or a call."""

from gateway.audit import Actor
from gateway.rules.linkage import CallAction, LinkageTask, task_action
from gateway.rules.linkage import OpenRequestAction as RequestAction
from kiosk.requests.catalogue import CALL_SERVICE
from kiosk.requests.request import Press
from kiosk.runtime.service import RequestService

# What a rule finds broken has no picture of its own; its text says what it is.
OTHER = "other"


class LinkageRequests:
    """Opens a request for a linkage's action, once: its task's id is the press."""

    def __init__(self, requests: RequestService) -> None:
        """In that room."""
        self._requests = requests

    async def handle(self, task: LinkageTask) -> None:
        """Open it, once."""
        action = task_action(task)
        assert isinstance(action, RequestAction | CallAction)
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
        await self._requests.submit_press(press, Actor("linkage", task.linkage))

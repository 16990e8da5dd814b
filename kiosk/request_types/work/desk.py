"""A work order at the desk: taken, given to somebody, finished, and visited again."""

from typing import ClassVar

from kiosk.desk.row import BY, DUE, KNOWN, OFF, OK, WAIT, WARN, ActionForm, RequestRow, TypeDesk
from kiosk.requests.request import Request


class WorkDesk(TypeDesk):
    """A fault that was reported before is taken with that."""

    pictogram = "repair"
    marks: ClassVar = {
        "reported": WARN,
        "received": WAIT,
        "assigned": WAIT,
        "doing": WAIT,
        "done": OK,
        "revisit": WARN,
        "reopened": WARN,
        "closed": OK,
        "cancelled": OFF,
    }
    take = "receive"
    forms = (
        ActionForm("receive", "check", first=True),
        ActionForm("assign", "user", BY, first=True),
        ActionForm("start", "repair"),
        ActionForm("finish", "check", first=True),
        ActionForm("close", "check", first=True),
        ActionForm("reopen", "back"),
        ActionForm("cancel", "cross"),
    )
    linked = "board.joined"

    def is_waiting(self, request: Request) -> bool:
        """Nobody has taken it, or what it is joined to."""
        return request.untaken and not request.linked

    def urgency(self, row: RequestRow) -> int:
        """A visit that is owed is due, too."""
        return DUE if row.is_waiting or row.request.state == "revisit" else KNOWN


DESK = WorkDesk()

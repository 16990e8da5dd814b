"""A work order at the desk: taken, given to somebody, finished, and visited again."""

from typing import ClassVar

from kiosk.board.row import BY, DUE, KNOWN, OFF, OK, WAIT, WARN, Form, Row, TypeDesk
from kiosk.request import Request


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
        Form("receive", "check", first=True),
        Form("assign", "user", BY, first=True),
        Form("start", "repair"),
        Form("finish", "check", first=True),
        Form("close", "check", first=True),
        Form("reopen", "back"),
        Form("cancel", "cross"),
    )
    linked = "board.joined"

    def waits(self, request: Request) -> bool:
        """Nobody has taken it, or what it is joined to."""
        return request.untaken and not request.linked

    def urgency(self, row: Row) -> int:
        """A visit that is owed is due, too."""
        return DUE if row.waits or row.request.state == "revisit" else KNOWN


DESK = WorkDesk()

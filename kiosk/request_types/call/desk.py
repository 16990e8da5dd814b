"""A call at the desk: it rings there until somebody answers."""

from typing import ClassVar

from kiosk.desk.row import BAD, OFF, OK, WAIT, ActionForm, TypeDesk


class CallDesk(TypeDesk):
    """Who answers has it in hand."""

    marks: ClassVar = {
        "ringing": BAD,
        "escalated": BAD,
        "alone": BAD,
        "answered": WAIT,
        "done": OK,
        "cancelled": OFF,
    }
    take = "answer"
    forms = (
        ActionForm("answer", "check", first=True),
        ActionForm("close", "check", first=True),
        ActionForm("ring", "bell"),
    )
    grave = frozenset({"escalated", "alone"})


DESK = CallDesk()

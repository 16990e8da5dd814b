"""A call at the desk: it rings there until somebody answers."""

from typing import ClassVar

from kiosk.board.row import BAD, OFF, OK, WAIT, Form, TypeDesk


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
        Form("answer", "check", first=True),
        Form("close", "check", first=True),
        Form("ring", "bell"),
    )
    grave = frozenset({"escalated", "alone"})


DESK = CallDesk()

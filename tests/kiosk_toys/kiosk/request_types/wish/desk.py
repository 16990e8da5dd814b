"""A wish at the desk: given to a neighbour, and granted."""

from kiosk.desk.row import BY, OFF, OK, WAIT, WARN, ActionForm, TypeDesk


class WishDesk(TypeDesk):
    """What staff do."""

    pictogram = "person"
    marks = {"asked": WARN, "taken": WAIT, "granted": OK, "cancelled": OFF}  # noqa: RUF012
    take = "take"
    forms = (
        ActionForm("take", "user", BY, first=True),
        ActionForm("grant", "check", first=True),
        ActionForm("cancel", "cross"),
    )


DESK = WishDesk()

"""The life of a wish."""

from typing import Annotated

import msgspec

from gateway.transitions import TextEnum, TransitionTable
from kiosk.requests.request_type import RequestType, TypeFlag


class WishState(TextEnum):
    """Where a wish stands."""

    ASKED = "asked"
    TAKEN = "taken"
    GRANTED = "granted"
    CANCELLED = "cancelled"


class WishEvent(TextEnum):
    """What moves it. `OVERDUE`: nobody has taken it for too long, and staff are told."""

    TAKE = "take"
    GRANT = "grant"
    CANCEL = "cancel"
    OVERDUE = "overdue"


class WishOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.<id>]` of a wish: after how long staff are told that nobody has taken it."""

    remind_after_s: Annotated[float, msgspec.Meta(ge=1)] = 3600.0


TYPE = RequestType(
    name="wish",
    table=TransitionTable(
        WishState.ASKED,
        {
            (WishState.ASKED, WishEvent.TAKE): WishState.TAKEN,
            (WishState.ASKED, WishEvent.OVERDUE): WishState.ASKED,
            (WishState.ASKED, WishEvent.CANCEL): WishState.CANCELLED,
            (WishState.TAKEN, WishEvent.GRANT): WishState.GRANTED,
            (WishState.TAKEN, WishEvent.CANCEL): WishState.CANCELLED,
        },
    ),
    resident=frozenset({WishEvent.CANCEL}),
    staff=frozenset({WishEvent.TAKE, WishEvent.GRANT, WishEvent.CANCEL}),
    flags=frozenset({TypeFlag.NEEDS_DISK}),
    untaken=frozenset({WishState.ASKED}),
    put_away={WishState.ASKED: WishEvent.CANCEL},
    options=WishOptions,
)

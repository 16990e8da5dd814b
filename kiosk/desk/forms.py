"""What staff may do to a request, as forms: the acts of its table, and the fields with each.

A form carries a key of its own, so that ten presses of it are one act.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway import entropy
from gateway.errors import UsageError
from kiosk.desk.row import ActionForm, find_desk
from kiosk.requests.engine import allowed_actions
from kiosk.requests.request import Request, RequestAction

KEYS_MAX = 500


def available_forms(request: Request) -> list[ActionForm]:
    """What staff may do with it now, but for replying."""
    allowed = allowed_actions(request, staff=True)
    return [form for form in find_desk(request.family).forms if form.act in allowed]


def parse_action(given: Mapping[str, Any]) -> RequestAction:
    """The deed of a form's fields; UsageError where they do not fit."""
    fields: dict[str, Any] = {"act": str(given.get("act", "")), "reply": reply_text(given)}
    if by := str(given.get("by", "")).strip():
        fields["by"] = by
    if car := parse_car(given):
        fields["car"] = car
    try:
        found = msgspec.convert(fields, RequestAction, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("board.unfit") from error  # not repeated: it may hold a number
    if found.act == "assign" and "plate" in given and found.car is None:
        raise UsageError("board.no-plate")
    if found.act == "reply" and not found.reply:
        raise UsageError("board.no-reply")
    return found


def reply_text(given: Mapping[str, Any]) -> str:
    """What is to be said: somebody's own words before a ready sentence."""
    own = " ".join(str(given.get("text", "")).split())
    return own or str(given.get("ready", "")).strip()


def parse_car(given: Mapping[str, Any]) -> dict[str, Any]:
    """The car of a form; empty without a plate."""
    plate = "".join(str(given.get("plate", "")).upper().split())
    if not plate:
        return {}
    car: dict[str, Any] = {"plate": plate, "colour": str(given.get("colour", "")).strip()}
    if minutes := str(given.get("minutes", "")).strip():
        car["minutes"] = minutes
    return car


class FormTokens:
    """Remembers the forms that were sent, as long as somebody may press them again."""

    def __init__(self) -> None:
        """None yet."""
        self._keys: OrderedDict[str, None] = OrderedDict()

    def issue_token(self) -> str:
        """A key for a form."""
        return entropy.token_hex(8)

    def claim_token(self, key: str) -> bool:
        """Whether that form comes for the first time; one without a key always does."""
        if key in self._keys:
            return False
        if key:
            self._keys[key] = None
        while len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        return True

    def release_token(self, key: str) -> None:
        """Nothing came of it: it may be sent again."""
        self._keys.pop(key, None)

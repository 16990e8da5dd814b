"""What staff may do to a request, as forms: the acts of its table, and the fields with each.

A form carries a key of its own, so that ten presses of it are one act.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gateway import entropy
from gateway.errors import UsageError
from kiosk.core import Deed, acts
from kiosk.request import Request

KEYS_MAX = 500


class Form(NamedTuple):
    """One act: its picture, what is asked with it, and whether it is the one to press."""

    act: str
    pictogram: str
    asks: frozenset[str] = frozenset()
    first: bool = False


CAR, BY = frozenset({"car"}), frozenset({"by"})
FORMS: Mapping[str, tuple[Form, ...]] = {
    "ride": (
        Form("accept", "check", first=True),
        Form("assign", "car", CAR, first=True),
        Form("arrive", "bell", first=True),
        Form("board", "check"),
        Form("refuse", "cross"),
        Form("cancel", "cross"),
    ),
    "call": (
        Form("answer", "check", first=True),
        Form("close", "check", first=True),
        Form("ring", "bell"),
    ),
    "work": (
        Form("receive", "check", first=True),
        Form("assign", "user", BY, first=True),
        Form("start", "repair"),
        Form("finish", "check", first=True),
        Form("close", "check", first=True),
        Form("reopen", "back"),
        Form("cancel", "cross"),
    ),
}
"""By family, in the order in which things happen."""


def forms(request: Request) -> list[Form]:
    """What staff may do with it now, but for replying."""
    allowed = acts(request, staff=True)
    return [form for form in FORMS[request.family] if form.act in allowed]


def deed(given: Mapping[str, Any]) -> Deed:
    """The deed of a form's fields; UsageError where they do not fit."""
    fields: dict[str, Any] = {"act": str(given.get("act", "")), "reply": said(given)}
    if by := str(given.get("by", "")).strip():
        fields["by"] = by
    if car := car_of(given):
        fields["car"] = car
    try:
        found = msgspec.convert(fields, Deed, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("board.unfit") from error  # not repeated: it may hold a number
    if found.act == "assign" and "plate" in given and found.car is None:
        raise UsageError("board.no-plate")
    if found.act == "reply" and not found.reply:
        raise UsageError("board.no-reply")
    return found


def said(given: Mapping[str, Any]) -> str:
    """What is to be said: somebody's own words before a ready sentence."""
    own = " ".join(str(given.get("text", "")).split())
    return own or str(given.get("ready", "")).strip()


def car_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The car of a form; empty without a plate."""
    plate = "".join(str(given.get("plate", "")).upper().split())
    if not plate:
        return {}
    car: dict[str, Any] = {"plate": plate, "colour": str(given.get("colour", "")).strip()}
    if minutes := str(given.get("minutes", "")).strip():
        car["minutes"] = minutes
    return car


class Once:
    """Remembers the forms that were sent, as long as somebody may press them again."""

    def __init__(self) -> None:
        """None yet."""
        self._keys: OrderedDict[str, None] = OrderedDict()

    def fresh(self) -> str:
        """A key for a form."""
        return entropy.token_hex(8)

    def first(self, key: str) -> bool:
        """Whether that form comes for the first time; one without a key always does."""
        if key in self._keys:
            return False
        if key:
            self._keys[key] = None
        while len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        return True

    def failed(self, key: str) -> None:
        """Nothing came of it: it may be sent again."""
        self._keys.pop(key, None)

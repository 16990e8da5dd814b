"""Requests to play something, from the API, a command or a key, and the orders they become."""

from typing import Annotated, Any, NamedTuple

import msgspec

from broadcast.material.presets import Presets
from broadcast.order import (
    REPEAT_MAX,
    ZONES_MAX,
    Authority,
    ClipContent,
    Content,
    LiveContent,
    Order,
    OrderClass,
    PresetContent,
    Text,
    TextContent,
)
from gateway.audit.events import Actor
from gateway.clock import Deadline
from gateway.errors import CommandRefused, UsageError
from gateway.upstream.inbox.events import ReceiptEventData


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Exactly one of `text`, `preset` and `clip`; class, repeat and chime default to the preset's.

    `level_db` is an integer, because signed JSON has no other numbers.
    """

    zones: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=ZONES_MAX)]
    text: Text | None = None
    preset: str | None = None
    clip: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    cls: str | None = msgspec.field(default=None, name="class")
    language: str = "zh"
    repeat: Annotated[int, msgspec.Meta(ge=1, le=REPEAT_MAX)] | None = None
    chime: str | None = None
    level_db: Annotated[int, msgspec.Meta(ge=-60, le=6)] = 0
    expires_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60


class LocalOrderRequest(OrderRequest, frozen=True, kw_only=True, omit_defaults=True):
    """A request from within the station may also name one of its microphones, until it is stopped.

    Its class defaults to `live`.
    """

    microphone: Annotated[str, msgspec.Meta(max_length=60)] | None = None


# How long a press lives: it is heard at once, or not at all.
ASKS_S = 60.0

# How long an emergency that a person pressed may take to begin, and may continue at most.
EMERGENCY_S = 600.0


def lifetime_s(class_: OrderClass) -> float:
    """How long an order that a person presses may live, by its class."""
    return EMERGENCY_S if class_.urgent else ASKS_S


class Requester(NamedTuple):
    """Who asks, from where, and by what right."""

    actor: Actor
    source: str
    authority: Authority


def build_order(
    ask: OrderRequest, by: Requester, presets: Presets, order_id: str, expires: Deadline
) -> Order:
    """Build the order; UsageError if the request is invalid."""
    content = _content(ask)
    usual = presets.get(content.preset) if isinstance(content, PresetContent) else None
    plain = OrderClass.LIVE if isinstance(content, LiveContent) else OrderClass.NOTICE
    word = ask.cls or (usual.cls if usual else plain.word)
    try:
        cls = OrderClass.parse(word)
    except ValueError:
        raise UsageError("broadcast.unknown-class", cls=word[:40], known=_known()) from None
    repeat = ask.repeat or (usual.repeat if usual else 1)
    return Order(
        id=order_id,
        source=by.source,
        zones=ask.zones,
        class_=cls,
        authority=by.authority,
        actor=by.actor,
        content=content,
        expires=expires,
        repeat=repeat,
        chime=ask.chime or (usual.chime if usual else None),
        level_db=float(ask.level_db),
    )


REFUSALS = frozenset({"refused", "expired", "failed", "dropped"})


def raise_if_refused(receipt: ReceiptEventData) -> None:
    """Raise CommandRefused with the reason if the receipt is a refusal."""
    if receipt.state in REFUSALS:
        raise CommandRefused(receipt.reason_code or "broadcast.failed")


def decode_body(raw: bytes, shape: Any) -> Any:
    """Decode a request's body; UsageError if it does not have that shape."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise UsageError("broadcast.bad-body", reason=str(error)) from error


def _content(ask: OrderRequest) -> Content:
    named: list[Content] = []
    if ask.text is not None:
        named.append(TextContent(ask.text, ask.language))
    if ask.preset is not None:
        named.append(PresetContent(ask.preset))
    if ask.clip is not None:
        named.append(ClipContent(ask.clip))
    if isinstance(ask, LocalOrderRequest) and ask.microphone is not None:
        named.append(LiveContent(ask.microphone))
    if len(named) != 1:
        raise UsageError("broadcast.no-content")
    return named[0]


def _known() -> str:
    return ", ".join(each.word for each in OrderClass)

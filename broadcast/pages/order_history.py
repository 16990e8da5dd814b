"""What was ordered, and how far it is known to have been heard."""

from typing import NamedTuple

from broadcast.order import ClipContent, PresetContent, SentenceContent, TextContent
from broadcast.orders.repository import OrderRecord
from broadcast.pages import labels as told
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.pages.on_air import is_prompt
from broadcast.pages.upcoming import spoken_time
from broadcast.speakers.contract import REPORTED_LEVELS
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark

ROWS = 12
ROWS_MAX = 300


class HistoryRow(NamedTuple):
    """One order; `counts` are loudspeakers by level of proof, out of `of`; `sound` is its clip.

    `again` is the address that orders it again, if no loudspeaker played it.
    """

    kept: OrderRecord
    when: str
    title: str
    where: str
    who: str
    counts: tuple[int, ...]
    of: int
    mark: StatusMark
    why: str
    sound: str
    again: str


def history_rows(
    context: BroadcastPageContext,
    timezone: str,
    words: Translator,
    most: int = ROWS,
    *,
    prompts: bool = False,
) -> list[HistoryRow]:
    """The newest first; with kiosks' prompts if `prompts` is set."""
    orders = [kept for kept in context.room.orders() if prompts or not is_prompt(kept)]
    return [history_row(kept, context, timezone, words) for kept in orders[:most]]


def count_prompts(context: BroadcastPageContext) -> int:
    """How many of the known orders are kiosks' prompts."""
    return sum(map(is_prompt, context.room.orders()))


def history_row(
    kept: OrderRecord, context: BroadcastPageContext, timezone: str, words: Translator
) -> HistoryRow:
    """The row of one order."""
    order = kept.order
    return HistoryRow(
        kept,
        asked_at_text(kept, context, timezone, words),
        told.order_title(kept, context, words),
        told.zone_names(kept, context, words),
        told.actor_name(order.actor, context, words),
        kept.reached or (0,) * len(REPORTED_LEVELS),
        max(1, *kept.reached[:1], len(context.room.house.speakers(order.zones))),
        told.state_mark(kept, words),
        told.reason_text(kept, words),
        kept.clips[-1] if kept.clips and kept.reached else "",
        f"{PATH}/again/{order.id}" if can_retry(kept) else "",
    )


def can_retry(kept: OrderRecord) -> bool:
    """Whether it can be ordered again: it is over, reached nobody, and can be said as it was."""
    said = isinstance(
        kept.order.content, PresetContent | TextContent | ClipContent | SentenceContent
    )
    return not kept.open and kept.why == "broadcast.reached-nobody" and said


def asked_wall_ns(kept: OrderRecord, context: BroadcastPageContext) -> int | None:
    """The wall time when it was ordered; for another boot as it was known then."""
    if kept.boot != context.clock.boot:
        return kept.asked_wall_ns
    return context.clock.stamp(kept.asked_ns).wall_ns


def asked_at_text(
    kept: OrderRecord, context: BroadcastPageContext, timezone: str, words: Translator
) -> str:
    """When it was ordered, as far as it is known."""
    asked_ns, now_ns = asked_wall_ns(kept, context), context.clock.stamp().wall_ns
    if kept.boot != context.clock.boot and (asked_ns is None or now_ns is None):
        return words("cast.before-boot")
    if asked_ns is None or now_ns is None:
        ago_s = (context.clock.now_ns() - kept.asked_ns) / 1e9
        return words.age(ago_s)
    return spoken_time(asked_ns, now_ns, timezone, words)

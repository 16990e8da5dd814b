"""Asks the guard beforehand why a press would be refused here and now."""

from broadcast.order import Authority, Content, LiveContent, Order, OrderClass, TextContent
from broadcast.orders.order_request import ASKS_S
from broadcast.pages.context import BroadcastPageContext
from broadcast.policy import guard
from broadcast.policy.guard import GuardAnswer, Ruling
from gateway.audit.events import Actor


def staff_ruling(
    context: BroadcastPageContext, zone: str, class_: OrderClass = OrderClass.NOTICE
) -> Ruling:
    """The guard's ruling on a press by staff for that zone."""
    content: Content = LiveContent() if class_ is OrderClass.LIVE else TextContent("?")
    order = Order(
        id="asked-beforehand",
        source="desk",
        zones=(zone,),
        class_=class_,
        authority=Authority.PRESS,
        actor=Actor("staff", ""),
        content=content,
        expires=context.clock.deadline(ASKS_S),
    )
    return guard.judge_order(order, context.room.house, context.moment(), context.clock.boot)


def notice_refusal(context: BroadcastPageContext, zone: str) -> Ruling | None:
    """Why a notice would not sound there now; None if it would."""
    found = staff_ruling(context, zone)
    return None if found.answer is GuardAnswer.GO else found

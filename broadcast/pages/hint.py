"""Why a press would be refused here and now, said before it: the guard is asked beforehand."""

from broadcast import guard
from broadcast.ask import ASKS_S
from broadcast.guard import Answer, Ruling
from broadcast.order import Authority, Class, Content, Live, Order, Say
from broadcast.pages.deck import Deck
from gateway.audit.events import Who


def ruling(deck: Deck, zone: str, class_: Class = Class.NOTICE) -> Ruling:
    """What the guard would say to somebody of the staff who presses for that zone."""
    content: Content = Live() if class_ is Class.LIVE else Say("?")
    order = Order(
        id="asked-beforehand",
        source="desk",
        zones=(zone,),
        class_=class_,
        authority=Authority.PRESS,
        actor=Who("staff", ""),
        content=content,
        expires=deck.clock.deadline(ASKS_S),
    )
    return guard.judge(order, deck.room.house, deck.moment(), deck.clock.boot)


def refusal(deck: Deck, zone: str) -> Ruling | None:
    """Why a notice would not sound there now; None if it would."""
    found = ruling(deck, zone)
    return None if found.answer is Answer.GO else found

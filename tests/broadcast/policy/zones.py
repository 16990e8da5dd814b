"""A small house to give orders in: a community zone over two horns, a hall, a lift, one mute.

In the office one horn of the street is heard as well, on the stairs the lift's.
"""

from typing import Any

from broadcast.order import Authority, Order, OrderClass, TextContent
from broadcast.policy.guard import SoundZone, ZoneMap
from broadcast.policy.quiet_hours import QuietHours, S
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.clock import Deadline

BOOT = "0" * 15 + "1"
PLACES = frozenset({"grid", "b3", "b3-lift", "b5", "hall"})


def _zone(id_: str, sound: Any, places: frozenset[str], *speakers: str) -> SoundZone:
    return SoundZone(id_, id_, sound, places, frozenset(speakers))


ZONES = {
    zone.id: zone
    for zone in (
        _zone("all", "community", PLACES, "horn-b3", "horn-b5"),
        _zone("b3", "community", frozenset({"b3", "b3-lift"}), "horn-b3"),
        _zone("b5", "community", frozenset({"b5"}), "horn-b5"),
        _zone("hall", "indoors", frozenset({"hall"}), "card"),
        _zone("lift", "near", frozenset({"b3-lift"}), "lift"),
        _zone("mute", "community", frozenset({"b5"})),
        _zone("office", "indoors", frozenset({"b5"}), "horn-b5", "desk"),
        _zone("stairs", "indoors", frozenset({"b3"}), "lift", "stairs"),
    )
}
HOUSE = ZoneMap(
    ZONES, QuietHours("21:30-07:00", Calendar("Asia/Shanghai", {})), frozenset({"smoke"})
)


def order(*, lives_s: float = 60, now_ns: int = 1_000 * S, **changed: Any) -> Order:
    """A notice that staff press, to everybody; anything else as given."""
    usual: dict[str, Any] = {
        "id": "order-1",
        "source": "desk",
        "zones": ("all",),
        "class_": OrderClass.NOTICE,
        "authority": Authority.PRESS,
        "actor": Actor("staff", "0217"),
        "content": TextContent("各位居民请注意"),
        "expires": Deadline(BOOT, now_ns + round(lives_s * S)),
    }
    return Order(**{**usual, **changed})

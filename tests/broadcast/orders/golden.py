"""What orders put into the feed, one example each. The files are final: later work only adds.

`python -m tests.broadcast.orders.golden` writes the files that are missing, and never changes one.
"""

from typing import Any

from broadcast.order import (
    Authority,
    ClipContent,
    LiveContent,
    Order,
    OrderClass,
    PresetContent,
    TextContent,
)
from broadcast.orders.events import MISSED, ROOM, ScheduleMissedData, heard_event, order_event
from broadcast.orders.repository import OrderRecord
from broadcast.orders.transitions import OrderState
from broadcast.speaker_status.events import (
    FAULT,
    TESTED,
    WELL,
    SelfTestReportData,
    SpeakerChangedData,
    SpeakerTestResult,
)
from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.event import Event
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "broadcast"
STAFF = Actor("staff", "0217")
COMMAND = "019ab0f2-5c80-7c3d-8e4f-6a7b8c9d0e1f"


def order(**more: Any) -> Order:
    usual: dict[str, Any] = {
        "id": "order-9f3ac21b-31",
        "source": "desk",
        "zones": ("all",),
        "class_": OrderClass.NOTICE,
        "authority": Authority.PRESS,
        "actor": STAFF,
        "content": PresetContent("visitors"),
        "expires": Deadline(STAMPS.boot, STAMPS.at_ns + 60_000_000_000),
    }
    return Order(**{**usual, **more})


def kept(
    state: OrderState, why: str | None = None, *, of: Order | None = None, **more: Any
) -> OrderRecord:
    return OrderRecord(
        order=of or order(), state=state, boot=STAMPS.boot,
        asked_ns=STAMPS.at_ns, since_ns=STAMPS.at_ns, why=why, **more,
    )  # fmt: skip


SMOKE = order(
    id="smoke-b3-9f3ac21b-7", source="linkage.smoke-b3", zones=("b3",), class_=OrderClass.EMERGENCY,
    authority=Authority.LINKAGE, actor=Actor("linkage", "smoke-b3"), content=PresetContent("smoke"),
    repeat=3, place="b3-f5",
)  # fmt: skip
REMOTE = order(
    id=COMMAND, source="upstream.district", authority=Authority.SIGNATURE,
    actor=Actor("platform", "district"), content=TextContent("今晚八点停水。"),
)  # fmt: skip
HEARD = {"seconds": 21.36, "clips": ("ab" * 32, "cd" * 32), "waited_ms": 64}
TURNS: dict[str, tuple[OrderRecord, Actor | None]] = {
    "accepted": (kept(OrderState.ACCEPTED), None),
    "preparing": (kept(OrderState.PREPARING), None),
    "held": (kept(OrderState.HELD, "broadcast.behind"), None),
    "playing": (kept(OrderState.PLAYING, of=SMOKE, seconds=21.36, clips=HEARD["clips"]), None),
    "interrupted": (kept(OrderState.INTERRUPTED, "broadcast.cut-off", turn=1), None),
    "finished": (kept(OrderState.FINISHED, of=SMOKE, **HEARD), None),
    "stopped": (kept(OrderState.STOPPED, "broadcast.by-hand", of=REMOTE, **HEARD), STAFF),
    "dropped": (kept(OrderState.DROPPED, "broadcast.busy", of=order(content=LiveContent())), None),
    "refused": (kept(OrderState.REFUSED, "broadcast.quiet", of=REMOTE), None),
    "expired": (kept(OrderState.EXPIRED, "broadcast.expired"), None),
    "failed": (
        kept(OrderState.FAILED, "clip.unknown", of=order(content=ClipContent("ef" * 32))),
        None,
    ),
}


def events() -> dict[str, Event]:
    made = {name: order_event(turn, STAMPS, by) for name, (turn, by) in TURNS.items()}
    missed = ScheduleMissedData("morning", "早间提示", "broadcast.missed", 2)
    made["missed"] = Event(
        kind=MISSED, source=ROOM, subject=missed.schedule, stamps=STAMPS, data=missed
    )
    broken = SpeakerTestResult("accepted", "speaker.no-answer", {"uri": "sip:301@192.168.1.61"})
    tested = SelfTestReportData({"horn-b3": SpeakerTestResult("sent"), "lift-b3": broken}, 1)
    for name, kind, said in (
        ("speaker-tested", TESTED, tested),
        ("speaker-fault", FAULT, SpeakerChangedData("lift-b3", broken)),
        ("speaker-well", WELL, SpeakerChangedData("lift-b3", SpeakerTestResult("accepted"))),
    ):
        made[name] = Event(kind=kind, source=ROOM, stamps=STAMPS, data=said)
    made["heard"] = heard_event(kept(OrderState.FINISHED, of=SMOKE, reached=(3, 2, 2, 1)), STAMPS)
    return made


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("broadcast", events())


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

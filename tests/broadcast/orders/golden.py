"""What orders put into the feed, one example each. The files are final: later work only adds.

`python -m tests.broadcast.orders.golden` writes the files that are missing, and never changes one.
"""

from typing import Any

from broadcast.book import Kept
from broadcast.events import MISSED, ROOM, Missed, event_of, heard_of
from broadcast.life import State
from broadcast.order import Authority, Class, Clip, Live, Order, Preset, Say
from broadcast.speaker_status.events import FAULT, TESTED, WELL, Changed, Report, Tested
from gateway.audit import Who
from gateway.clock import Deadline
from gateway.event import Event
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "broadcast"
STAFF = Who("staff", "0217")
COMMAND = "019ab0f2-5c80-7c3d-8e4f-6a7b8c9d0e1f"


def order(**more: Any) -> Order:
    usual: dict[str, Any] = {
        "id": "order-9f3ac21b-31",
        "source": "desk",
        "zones": ("all",),
        "class_": Class.NOTICE,
        "authority": Authority.PRESS,
        "actor": STAFF,
        "content": Preset("visitors"),
        "expires": Deadline(STAMPS.boot, STAMPS.at_ns + 60_000_000_000),
    }
    return Order(**{**usual, **more})


def kept(state: State, why: str | None = None, *, of: Order | None = None, **more: Any) -> Kept:
    return Kept(
        order=of or order(), state=state, boot=STAMPS.boot,
        asked_ns=STAMPS.at_ns, since_ns=STAMPS.at_ns, why=why, **more,
    )  # fmt: skip


SMOKE = order(
    id="smoke-b3-9f3ac21b-7", source="linkage.smoke-b3", zones=("b3",), class_=Class.EMERGENCY,
    authority=Authority.LINKAGE, actor=Who("linkage", "smoke-b3"), content=Preset("smoke"),
    repeat=3, place="b3-f5",
)  # fmt: skip
REMOTE = order(
    id=COMMAND, source="upstream.district", authority=Authority.SIGNATURE,
    actor=Who("platform", "district"), content=Say("今晚八点停水。"),
)  # fmt: skip
HEARD = {"seconds": 21.36, "clips": ("ab" * 32, "cd" * 32), "waited_ms": 64}
TURNS: dict[str, tuple[Kept, Who | None]] = {
    "accepted": (kept(State.ACCEPTED), None),
    "preparing": (kept(State.PREPARING), None),
    "held": (kept(State.HELD, "broadcast.behind"), None),
    "playing": (kept(State.PLAYING, of=SMOKE, seconds=21.36, clips=HEARD["clips"]), None),
    "interrupted": (kept(State.INTERRUPTED, "broadcast.cut-off", turn=1), None),
    "finished": (kept(State.FINISHED, of=SMOKE, **HEARD), None),
    "stopped": (kept(State.STOPPED, "broadcast.by-hand", of=REMOTE, **HEARD), STAFF),
    "dropped": (kept(State.DROPPED, "broadcast.busy", of=order(content=Live())), None),
    "refused": (kept(State.REFUSED, "broadcast.quiet", of=REMOTE), None),
    "expired": (kept(State.EXPIRED, "broadcast.expired"), None),
    "failed": (kept(State.FAILED, "clip.unknown", of=order(content=Clip("ef" * 32))), None),
}


def events() -> dict[str, Event]:
    made = {name: event_of(turn, STAMPS, by) for name, (turn, by) in TURNS.items()}
    missed = Missed("morning", "早间提示", "broadcast.missed", 2)
    made["missed"] = Event(
        kind=MISSED, source=ROOM, subject=missed.schedule, stamps=STAMPS, data=missed
    )
    broken = Tested("accepted", "speaker.no-answer", {"uri": "sip:301@192.168.1.61"})
    tested = Report({"horn-b3": Tested("sent"), "lift-b3": broken}, 1)
    for name, kind, said in (
        ("speaker-tested", TESTED, tested),
        ("speaker-fault", FAULT, Changed("lift-b3", broken)),
        ("speaker-well", WELL, Changed("lift-b3", Tested("accepted"))),
    ):
        made[name] = Event(kind=kind, source=ROOM, stamps=STAMPS, data=said)
    made["heard"] = heard_of(kept(State.FINISHED, of=SMOKE, reached=(3, 2, 2, 1)), STAMPS)
    return made


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("broadcast", events())


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

"""What requests put into the feed, one example each. The files are final: later work only adds.

`python -m tests.kiosk.requests.golden` writes the files that are missing, and never changes one.
"""

from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.event import Event
from kiosk.requests.events import request_event
from kiosk.requests.repository import RequestTransition
from kiosk.requests.request import Car, Request, Ride
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "requests"
LATER = Deadline(STAMPS.boot, STAMPS.at_ns + 20_000_000_000)
COMMON = {
    "kiosk": "hall",
    "place": "hall",
    "actor": Actor("resident"),
    "pressed": STAMPS,
    "opened_ns": 0,
    "since_ns": 0,
}


def ride(state: str, car: Car | None = None, **fields) -> Request:
    return Request(
        **(COMMON | fields),
        id="ride-9f3ac21b-12", number="583920", service="ride", family="ride", state=state,
        ride=Ride(began_ns=STAMPS.at_ns, accept=LATER, until=LATER, road="platform", car=car),
    )  # fmt: skip


CALL = Request(
    **COMMON, id="call-9f3ac21b-13", number="201953", service="staff", family="call",
    state="escalated", what="gas", urgent=True, steps=1,
)  # fmt: skip
WORK = Request(
    **COMMON, id="work-9f3ac21b-14", number="719986", service="repair", family="work",
    state="reported", what="water", where="b3-f5", person="cd" * 16, voice="ef" * 16, voice_s=12,
)  # fmt: skip
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)
RESIDENT = Actor("resident")
TURNS = {
    "opened": RequestTransition(ride("asking"), "press", "", RESIDENT),
    "assigned": RequestTransition(
        ride("assigned", CAR), "assign", "searching", Actor("system", "kiosk")
    ),
    "ended": RequestTransition(ride("no-car"), "refuse", "searching", Actor("system", "kiosk")),
    "escalated": RequestTransition(
        CALL, "escalate", "ringing", Actor("system", "kiosk"), "duty", ("desk", "hall")
    ),
    "reported": RequestTransition(WORK, "press", "", RESIDENT),
}


def events() -> dict[str, Event]:
    return {name: request_event(turn, STAMPS) for name, turn in TURNS.items()}


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("request", events())


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

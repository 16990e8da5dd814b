"""What the rules put into the feed, one example each. The files are final: later work only adds.

`python -m tests.rules.golden` writes the files that are missing, and never changes one.
"""

from gateway.event import Event, Severity
from gateway.rules.alarm import Alarm, Evidence, State
from gateway.rules.alarms import Happening
from gateway.rules.core import Pause
from gateway.rules.duty import Call
from gateway.rules.events import events_of
from gateway.rules.linkage import Done, Task
from gateway.rules.rule import Facts
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "alarms"

FACTS = Facts(
    rule="smoke-b3",
    use="smoke",
    name="烟感报警",
    severity=Severity.CRITICAL,
    latch=True,
    flap_ns=300_000_000_000,
    place="b3-f5",
    spoken="3号楼5层",
    point_name="5层烟感",
    scopes=frozenset(),
    parents=(),
)
RAISED = Alarm(
    id="alarm-9f3ac21b-17",
    watch="smoke-b3",
    severity=Severity.CRITICAL,
    told=True,
    raised_ns=0,
    evidence=Evidence("di-b3", "smoke", value=True, unit="1"),
)
TASK = Task(
    id="task-9f3ac21b-4",
    linkage="smoke-b3",
    does="announce",
    action={"announce": "smoke", "zone": "b3", "class": "emergency", "expires_s": 600.0},
    alarm=RAISED.id,
    rule="smoke-b3",
    place="b3-f5",
    urgent=True,
    expires_ns=0,
)
MESSAGE = {
    "linkage": "report",
    "does": "message",
    "action": {"message": "{place}{name}"},
    "text": "3号楼5层烟感报警",
}


def changed(alarm: Alarm, **fields) -> Alarm:
    return Alarm(**{name: getattr(alarm, name) for name in Alarm.__struct_fields__} | fields)


def task(**fields) -> Task:
    return Task(**{name: getattr(TASK, name) for name in Task.__struct_fields__} | fields)


GONE = {"on": False, "returned_ns": 0}
RECORDS = {
    "raised": Happening("raised", RAISED, FACTS, fresh=True),
    "acknowledged": Happening(
        "acknowledged", changed(RAISED, state=State.ACKNOWLEDGED), FACTS, "desk:zhang"
    ),
    "escalated": Happening(
        "escalated",
        changed(RAISED, state=State.ESCALATED, steps=1),
        FACTS,
        call=Call("duty", ("desk", "hall"), 1),
    ),
    "returned": Happening("returned", changed(RAISED, state=State.RETURNED, **GONE), FACTS),
    "cleared": Happening("cleared", changed(RAISED, state=State.CLEARED, **GONE), FACTS),
    "flapping": Happening("flapping", changed(RAISED, flapping=True, count=3), FACTS),
    "shelved": Happening(
        "shelved", changed(RAISED, state=State.SHELVED, note="探头在换"), FACTS, "desk:zhang"
    ),
    "suppressed": Happening("suppressed", changed(RAISED, state=State.SUPPRESSED), FACTS),
    "paused": Pause("paused", 3),
    "running": Pause("running", 0),
    "action": Done(TASK, "unavailable", "rules.missing-room"),
    "message": Done(task(**MESSAGE), "done"),
    "attended": Happening(
        "attended", changed(RAISED, state=State.ACKNOWLEDGED, attended=True), FACTS, "desk:zhang"
    ),
    "unreached": Happening(
        "unreached", changed(RAISED, state=State.ESCALATED, steps=2, unreached=True), FACTS
    ),
    "judged": Happening(
        "judged", changed(RAISED, state=State.RESTING, real=False, **GONE), FACTS, "desk:zhang"
    ),
}


def events() -> dict[str, Event]:
    """The last event of each record: a message follows the record of its action."""
    return {name: events_of(record, STAMPS)[-1] for name, record in RECORDS.items()}


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("alarm", events())


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

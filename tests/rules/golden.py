"""What the rules put into the feed, one example each. The files are final: later work only adds.

`python -m tests.rules.golden` writes the files that are missing, and never changes one.
"""

from gateway.event import Event, Severity
from gateway.rules.alarm import Alarm, AlarmState, Evidence
from gateway.rules.alarms import AlarmChange
from gateway.rules.core import ClockPause
from gateway.rules.duty import DutyCall
from gateway.rules.events import record_events
from gateway.rules.linkage import LinkageTask, TaskResult
from gateway.rules.rule import AlarmFacts
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "alarms"

FACTS = AlarmFacts(
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
TASK = LinkageTask(
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


def task(**fields) -> LinkageTask:
    return LinkageTask(
        **{name: getattr(TASK, name) for name in LinkageTask.__struct_fields__} | fields
    )


GONE = {"on": False, "returned_ns": 0}
RECORDS = {
    "raised": AlarmChange("raised", RAISED, FACTS, fresh=True),
    "acknowledged": AlarmChange(
        "acknowledged", changed(RAISED, state=AlarmState.ACKNOWLEDGED), FACTS, "desk:zhang"
    ),
    "escalated": AlarmChange(
        "escalated",
        changed(RAISED, state=AlarmState.ESCALATED, steps=1),
        FACTS,
        call=DutyCall("duty", ("desk", "hall"), 1),
    ),
    "returned": AlarmChange("returned", changed(RAISED, state=AlarmState.RETURNED, **GONE), FACTS),
    "cleared": AlarmChange("cleared", changed(RAISED, state=AlarmState.CLEARED, **GONE), FACTS),
    "flapping": AlarmChange("flapping", changed(RAISED, flapping=True, count=3), FACTS),
    "shelved": AlarmChange(
        "shelved", changed(RAISED, state=AlarmState.SHELVED, note="探头在换"), FACTS, "desk:zhang"
    ),
    "suppressed": AlarmChange("suppressed", changed(RAISED, state=AlarmState.SUPPRESSED), FACTS),
    "paused": ClockPause("paused", 3),
    "running": ClockPause("running", 0),
    "action": TaskResult(TASK, "unavailable", "rules.missing-room"),
    "message": TaskResult(task(**MESSAGE), "done"),
    "attended": AlarmChange(
        "attended",
        changed(RAISED, state=AlarmState.ACKNOWLEDGED, attended=True),
        FACTS,
        "desk:zhang",
    ),
    "unreached": AlarmChange(
        "unreached", changed(RAISED, state=AlarmState.ESCALATED, steps=2, unreached=True), FACTS
    ),
    "judged": AlarmChange(
        "judged", changed(RAISED, state=AlarmState.RESTING, real=False, **GONE), FACTS, "desk:zhang"
    ),
}


def events() -> dict[str, Event]:
    """The last event of each record: a message follows the record of its action."""
    return {name: record_events(record, STAMPS)[-1] for name, record in RECORDS.items()}


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("alarm", events())


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

"""Alarms and watches in the form of the API."""

import msgspec

from gateway.desk.alarms.board import AlarmBoard
from gateway.desk.alarms.row import AlarmRow
from gateway.event import Severity
from gateway.rules.alarm import Evidence
from gateway.rules.kinds import S


class AlarmReport(msgspec.Struct, frozen=True):
    """One open alarm; `age_s` and `left_s` (of its shelving) count the station's uptime.

    `where` is its place in words. `attended`: a person has come; `unreached`: all were called
    and nobody answered; `real`: what a person found it to be.
    """

    id: str
    rule: str
    name: str
    severity: Severity
    state: str
    on: bool
    count: int
    flapping: bool
    place: str
    where: str
    age_s: float
    left_s: float | None
    reading: Evidence | None
    by: str | None
    note: str | None
    attended: bool = False
    unreached: bool = False
    real: bool | None = None


def alarm_report(each: AlarmRow, board: AlarmBoard) -> AlarmReport:
    alarm, facts = each.alarm, each.facts
    until_ns = alarm.until_ns
    left_s = None if until_ns is None else (until_ns - board.rules.moment().at_ns) / S
    return AlarmReport(
        id=alarm.id,
        rule=facts.rule,
        name=facts.name,
        severity=alarm.severity,
        state=alarm.state.value,
        on=alarm.on,
        count=alarm.count,
        flapping=alarm.flapping,
        place=facts.place,
        where=facts.spoken or facts.about or "",
        age_s=round(each.age_s, 1),
        left_s=None if left_s is None else round(left_s, 1),
        reading=alarm.evidence,
        by=alarm.by,
        note=alarm.note,
        attended=alarm.attended,
        unreached=alarm.unreached,
        real=alarm.real,
    )

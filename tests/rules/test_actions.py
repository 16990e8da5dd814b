"""Relays are written over their device's bus; duty says who is there over midnight."""

import pytest

from drivers.contract import Device, Quality, Reading
from gateway.errors import Unavailable, UsageError
from gateway.event import Severity
from gateway.rules import duty
from gateway.rules.actions import MessageHandler, RelayHandler
from tests.rules.golden import MESSAGE, task
from tests.rules.player import calendar
from tests.rules.test_alarm import burning
from tests.rules.test_calendar import at

WRITE = task(does="relay", action={"relay": "relay-1.output-2", "value": False}, urgent=False)
NIGHT = duty.Shift(who="night", at="20:00-08:00", days="workdays", by=("hall",))
DAY = duty.Shift(who="day", at="08:00-20:00", by=("desk", "hall"))
ROSTER = duty.DutyOptions(
    roster=(NIGHT, DAY),
    escalate=(
        duty.EscalationStep(after_s=60, to="night"),
        duty.EscalationStep(after_s=30, to="day"),
    ),
)


class Line:
    def __init__(self, quality: Quality) -> None:
        self.written = []
        self._quality = quality

    async def write(self, device, point, value):
        self.written.append((device, point, value))
        return Reading(device, point, value, "1", self._quality, 0)


@pytest.mark.parametrize(("quality", "state"), [("good", None), ("substituted", "sent")])
async def test_a_relay_is_written_on_the_bus_of_its_device(quality, state):
    line = Line(Quality(quality))
    device = Device(id="relay-1", family="modbus", address="1", points=())
    relays = RelayHandler(lambda name: (line, device) if name == "relay-1" else None)
    assert await relays.handle(WRITE) == state
    assert line.written == [("relay-1", "output-2", False)]


async def test_a_relay_that_is_not_there_any_more_is_unavailable():
    with pytest.raises(Unavailable):
        await RelayHandler(lambda _: None).handle(WRITE)


async def test_a_message_is_its_event():
    assert await MessageHandler().handle(task(**MESSAGE)) is None


@pytest.mark.parametrize(
    ("who", "moment", "ways"),
    [
        ("night", "2026-03-03T02:00:00", ("hall",)),
        ("night", "2026-03-07T02:00:00", ("hall",)),  # began on Friday
        ("night", "2026-03-08T02:00:00", ()),
        ("day", "2026-03-08T12:00:00", ("desk", "hall")),
        ("nobody", "2026-03-08T12:00:00", ()),
    ],
)
def test_somebody_is_reached_by_what_the_roster_says_at_that_hour(who, moment, ways):
    assert duty.DutyRoster(ROSTER, calendar()).channels(who, at(moment)) == ways


def test_without_the_time_of_day_everybody_is_there():
    assert duty.DutyRoster(ROSTER, calendar()).channels("night", None) == ("hall",)


def test_steps_are_taken_in_the_order_of_their_times_by_those_whom_they_concern():
    calls = duty.DutyRoster(ROSTER, calendar()).due(Severity.MAJOR, 0, 89 * 10**9, None)
    assert [(call.to, call.step) for call in calls] == [("day", 1), ("night", 2)]
    assert list(duty.DutyRoster(ROSTER, calendar()).due(Severity.MINOR, 0, 90 * 10**9, None)) == []
    assert list(duty.DutyRoster(ROSTER, calendar()).due(Severity.MAJOR, 2, 89 * 10**9, None)) == []


def test_a_week_is_looked_at_hour_by_hour():
    assert duty.unreached_hours(ROSTER, "night") == ("mon", "00:00")  # Sunday's night is nobody's
    whole = duty.DutyOptions(roster=(duty.Shift(who="a", by=("desk",)),))
    assert duty.unreached_hours(whole, "a") is None


def test_too_much_and_too_long_maintenance_is_refused_and_what_is_there_falls_silent():
    player = burning()
    alarms, moment = player.core.alarms, player.moment()
    with pytest.raises(UsageError, match=r"rules\.shelf-too-long"):
        alarms.maintain("b3", 31 * 86_400, "desk", moment)
    assert [one.what for one in alarms.maintain("b3", 60, "desk", moment)] == ["suppressed"]


def test_a_note_goes_with_the_alarm():
    player = burning()
    assert player.core.alarms.note("smoke", "探头在换") == []
    (happening,) = player.core.alarms.acknowledge("smoke", "desk")
    assert happening.alarm.note == "探头在换"

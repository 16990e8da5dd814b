"""Whom an alarm calls: until somebody has seen it, or come to it, however short it was."""

from itertools import pairwise

import msgspec
import pytest

from drivers.contract import Quality, Reading
from gateway.errors import UsageError
from gateway.event import Severity
from gateway.rules.alarm import AlarmState
from gateway.rules.alarms import COMES_NS
from gateway.rules.core import RulesCore, RulesHead, RulesOutcome
from gateway.rules.duty import OFTEN_S, SELDOM_S, DutyOptions, DutyRoster, EscalationStep, Shift
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.linkage import ANSWER, RING
from gateway.rules.spoken_answers import CALM_NS, OFTEN, SENTENCE_NS
from tests.rules import lives
from tests.rules.player import calendar, plan

DUTY = lives.SCENARIO["duty"]
SOS = {"sos": {"use": "sos", "on": ["di.sos"]}}


class Station:
    """The core, one contact module, and a clock that a test moves."""

    def __init__(self, rule, linkage=None, duty=DUTY) -> None:
        scenario = {"rule": rule, "linkage": linkage or {}, "duty": duty}
        self.plan = plan(scenario, look=lives.look)
        self.now_s = 1_000.0
        self.kept: dict[str, bytes] = {}
        self.whats: list[str] = []
        self.tasks = []
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.take(self.core.start(self.moment()))

    def moment(self) -> RuleInstant:
        return RuleInstant(round(self.now_s * S), 1_790_000_000 * S)

    def take(self, outcome: RulesOutcome) -> None:
        self.kept.update({key: body for key, body in outcome.keep.items() if body is not None})
        self.whats += [getattr(one, "what", "action") for one in outcome.records]
        self.tasks += outcome.tasks

    def reads(self, value, point="sos") -> None:
        word = Reading("di", point, value, "1", Quality.GOOD, 0)
        self.take(self.core.read([word], self.moment()))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now_s += 1
            self.take(self.core.tick(self.moment()))

    def press(self, seconds: float = 0.6, point="sos") -> None:
        """Pressed and let go."""
        self.reads(value=True, point=point)
        self.now_s += seconds
        self.reads(value=False, point=point)

    def act(self, what) -> None:
        self.take(self.core.apply_action(what, self.moment()))

    def restart(self) -> None:
        head = self.core.head(self.moment(), "boot", 0)
        self.core = RulesCore(self.plan, "0123456789abcdef")
        self.core.restore(self.kept, RulesHead(head.lived_ns, "boot", 0), boot="boot")
        self.take(self.core.start(self.moment()))

    @property
    def alarm(self):
        (alarm,) = self.core.alarms.book.open.values()
        return alarm

    def said(self, does=ANSWER):
        return [t.action.get("says", t.action.get(RING)) for t in self.tasks if t.does == does]


def contact(**more):
    return {"door": {"use": "contact-active", "on": ["di.door"], "severity": "critical", **more}}


def held(station, seconds, point="door"):
    """Active for so long, read every second."""
    for _ in range(round(seconds)):
        station.reads(value=True, point=point)
        station.wait(1)
    station.reads(value=False, point=point)


def test_a_critical_alarm_that_goes_by_itself_before_the_first_step_calls_all_the_same():
    station = Station(contact())
    station.reads(value=False, point="door")
    held(station, 10)
    assert station.whats == ["raised", "returned"]
    station.wait(25)
    assert station.whats[2:] == ["escalated"]
    assert station.alarm.state is AlarmState.RETURNED, "it stands on the board as gone and unseen"
    assert station.said(RING) == ["hall"]
    station.wait(60)
    assert station.whats[3:] == ["escalated"]
    station.act(lambda alarms: alarms.acknowledge("door", "li"))
    station.wait(600)
    assert station.whats[4:] == ["acknowledged", "cleared"]


@pytest.mark.parametrize(
    ("more", "latch"),
    [({}, True), ({"latch": False}, False), ({"severity": "minor"}, False)],
)
def test_a_severity_set_in_a_rule_latches_as_any_other(more, latch):
    station = Station(contact(**more))
    held(station, 4)
    station.wait(320)
    assert bool(station.core.alarms.book.open) is latch
    assert ("cleared" in station.whats) is not latch


def test_the_recipe_s_own_word_on_latching_stands_at_any_severity():
    rule = {"ebike": {"use": "e-bike-in-lift", "on": ["di.door"], "severity": "critical"}}
    (watch,) = plan({"rule": rule}, look=lives.look).watches
    assert not watch.facts.latch


def test_a_press_shorter_than_a_ready_rule_s_delay_is_not_lost():
    station = Station({"door": {"use": "contact-active", "on": ["di.sos"]}})
    station.press(0.6)
    assert station.whats == ["raised", "returned"]
    own = Station({"door": {"use": "contact-active", "on": ["di.sos"], "set": {"for_s": 1}}})
    own.press(0.6)
    assert own.whats == [], "a delay of the station's own is meant"
    other = Station(contact())
    other.press(0.6, point="door")
    assert other.whats == []


def test_when_everybody_was_called_and_nobody_has_answered_that_is_said_and_it_goes_on():
    station = Station(contact())
    held(station, 10)
    station.wait(140)
    assert station.whats[2:] == ["escalated", "escalated"]
    assert not station.alarm.unreached
    station.wait(1)
    assert station.whats[4:] == ["escalated", "unreached"]
    station.wait(60)
    assert station.whats[6:] == ["escalated"], "the last step goes on, and it is said once"
    station.act(lambda alarms: alarms.acknowledge("door", "li"))
    assert not station.alarm.unreached


def test_the_last_step_goes_on_at_its_own_period_for_an_hour_and_seldom_after():
    steps = (EscalationStep(after_s=30, to="a"), EscalationStep(after_s=60, to="b"))
    duty = DutyRoster(
        DutyOptions(roster=(Shift(who="b", by=("desk",)),), escalate=steps), calendar()
    )
    numbers, taken = [], 0
    for second in range(0, 5 * 3600, 10):
        for call in duty.due(Severity.CRITICAL, taken, second * S, None):
            taken = call.step
            numbers.append((second, call.to))
    later = [second for second, to in numbers if to == "b"]
    assert later[:4] == [60, 90, 120, 150]
    assert len([second for second in later if second <= 60 + OFTEN_S]) == 121
    assert {after - before for before, after in pairwise(later[121:])} == {int(SELDOM_S)}
    late = list(duty.due(Severity.CRITICAL, 2, 10 * 3600 * S, None))
    assert len(late) == 1, "what was missed is not made good one by one"


SLOW = {
    "roster": [{"who": "duty", "by": ["hall"]}, {"who": "manager", "by": ["office"]}],
    "escalate": [{"after_s": 30, "to": "duty"}, {"after_s": 600, "to": "manager"}],
}


@pytest.mark.parametrize("every", [100, 360, 3600])
def test_whoever_presses_again_and_again_puts_off_no_step(every):
    station = Station(SOS, duty=SLOW)
    for _ in range(3600 // every):
        station.press()
        station.wait(every)
    assert station.said(RING)[:2] == ["hall", "office"]
    assert station.said(RING).count("office") >= 4
    assert "unreached" in station.whats


def test_a_press_after_everybody_was_called_begins_the_steps_anew():
    station = Station(SOS, duty=SLOW)
    station.press()
    station.wait(1500)
    before = station.said(RING).count("hall")
    station.press()
    station.wait(31)
    assert station.said(RING).count("hall") == before + 1


def test_a_step_that_does_not_concern_it_puts_off_nothing():
    later = {"after_s": 3600, "to": "manager", "least": "critical"}
    duty = {**SLOW, "escalate": [SLOW["escalate"][0], later]}
    station = Station(contact(severity="major"), duty=duty)
    held(station, 10)
    station.wait(600)
    assert station.said(RING) == ["hall"] * 20


def test_whom_no_step_concerns_is_said_to_have_reached_nobody_never():
    station = Station({"lamp": {"use": "contact-active", "on": ["di.lamp"]}})
    held(station, 900, "lamp")
    assert set(station.whats) == {"raised", "returned"}


def test_an_sos_is_heard_at_once_and_calls_until_somebody_has_come():
    station = Station(SOS)
    station.press(0.2)
    assert station.whats == ["raised", "returned"]
    station.wait(31)
    station.act(lambda alarms: alarms.acknowledge("sos", "li"))
    assert station.whats[2:] == ["escalated", "acknowledged"]
    station.wait(COMES_NS // S + 29)
    assert station.whats[4:] == [], "whoever goes has time to get there, and it does not settle"
    station.wait(3)
    assert station.whats[4:] == ["escalated"]
    assert station.alarm.state is AlarmState.RETURNED
    station.act(lambda alarms: alarms.attend("sos", "li"))
    assert station.whats[5:] == ["attended", "cleared"]
    assert station.core.alarms.book.open == {}


def test_somebody_presses_again_soon_after_they_were_visited_and_that_is_another_call():
    station = Station(SOS)
    station.reads(value=True)
    station.act(lambda alarms: alarms.attend("sos", "li"))
    assert station.alarm.state is AlarmState.ACKNOWLEDGED
    station.reads(value=False)
    station.wait(20)
    station.press()
    assert station.whats == ["raised", "attended", "returned", "cleared", "raised", "returned"]
    assert station.alarm.state is AlarmState.RETURNED


def test_every_press_is_answered_and_whoever_waits_hears_what_becomes_of_it():
    station = Station(SOS)
    for _ in range(5):
        station.press()
        station.wait(SENTENCE_NS // S + 1)
    assert station.said() == ["heard"] * 5, "also the fifth, which is no event any more"
    station.wait(10)
    assert station.said()[5:] == ["called"]
    station.act(lambda alarms: alarms.acknowledge("sos", "li"))
    station.press()
    assert station.said()[6:] == ["coming"], "one sentence answers both"
    station.wait(5)
    station.press()
    assert station.said()[7:] == ["coming"]
    (last,) = station.tasks[-1:]
    assert (last.action, last.place, last.urgent) == (
        {ANSWER: "hall", "says": "coming", "to": ""}, "hall", True,
    )  # fmt: skip


def test_whoever_waits_is_told_that_nobody_answers_and_that_a_place_is_being_worked_on():
    station = Station(SOS)
    station.press()
    station.wait(200)
    assert station.said()[-1] in {"nobody", "called"}
    assert "nobody" in station.said()
    working = Station(SOS)
    now = working.moment()
    working.act(lambda alarms: alarms.maintain("hall", 600, "li", now))
    working.press()
    assert working.said() == ["silent"], "nothing is claimed that is not done"


def test_a_button_that_chatters_is_answered_once_a_minute_after_the_tenth_time():
    station = Station(SOS)
    for _ in range(600):
        station.press(0.2)
        station.now_s += 0.8
    assert station.said() == ["heard"] * (OFTEN + 9)
    station.wait(CALM_NS // S)
    before = len(station.said())
    station.press()
    assert len(station.said()) == before + 1, "whoever presses after a calm is answered at once"


def test_where_nothing_is_heard_indoors_nobody_is_answered():
    out = lambda word: lives.look(word)._replace(indoors=None)  # noqa: E731
    core = RulesCore(plan({"rule": SOS}, look=out), "0" * 16)
    core.read([Reading("di", "sos", True, "1", Quality.GOOD, 0)], RuleInstant(0))
    assert core.under_way == {}


def test_a_private_alarm_is_rung_without_its_place_and_its_linkage_does_not_say_it():
    speak = {"when": "sos", "do": [{"announce": "help", "text": "{place}有人求助"},
                                   {"message": "{place}有人求助"}]}  # fmt: skip
    station = Station({"sos": {**SOS["sos"], "private": True}}, {"speak": speak})
    station.press()
    station.wait(31)
    (ring,) = [task for task in station.tasks if task.does == RING]
    assert ring.private
    assert ring.action == {RING: "hall", "to": "duty", "private": True}
    said = {task.does: task.text for task in station.tasks if task.linkage == "speak"}
    assert said == {"announce": "", "message": "大厅有人求助"}, "the platform is told"


def test_rules_for_the_welfare_of_people_are_private_by_themselves():
    known = {"no-water-used": {}, "not-seen": {"unseen_s": 60}, "fall": {}, "smoke": {}}
    for use, given in known.items():
        rule = {"r": {"use": use, "on": ["di.sos"], "set": given}}

        def water(word):
            return lives.look(word)._replace(point=lives.PointInfo("m3", 1.0, counter=True))

        (watch,) = plan(
            {"rule": rule}, look=water if use == "no-water-used" else lives.look
        ).watches
        assert watch.facts.private is (use != "smoke"), use


def test_a_critical_alarm_is_shelved_with_a_note_only():
    station = Station(contact())
    held(station, 3)
    now = station.moment()
    with pytest.raises(UsageError, match=r"rules\.shelf-needs-note"):
        station.act(lambda alarms: alarms.shelve("door", 600, "li", now, note=" "))
    station.act(lambda alarms: alarms.shelve("door", 600, "li", now, note="探头在换"))
    assert station.alarm.note == "探头在换"


def test_maintenance_says_which_alarms_that_lives_hang_on_it_silences():
    rules = {**SOS, "smoke": {"use": "contact-active", "on": ["di.smoke"]}, **contact()}
    rules["cable"] = {"use": "sensor-faulty", "on": ["di.smoke"]}
    alarms = Station(rules).core.alarms
    assert [facts.rule for facts in alarms.life_safety("hall")] == ["sos", "smoke"]
    assert alarms.life_safety("door") == []


def test_what_is_still_active_at_a_start_goes_on_and_what_was_reset_meanwhile_returns():
    station = Station(contact())
    station.reads(value=True, point="door")
    station.wait(2)
    station.reads(value=True, point="door")
    station.restart()
    station.reads(value=True, point="door")
    assert station.whats == ["raised"]
    station.restart()
    station.reads(value=False, point="door")
    assert station.whats == ["raised", "returned"]


def test_an_alarm_without_its_watch_s_state_returns_and_a_watch_without_its_alarm_raises_anew():
    station = Station(contact())
    station.reads(value=True, point="door")
    station.wait(2)
    station.reads(value=True, point="door")
    del station.kept["watch/door"]
    station.restart()
    station.reads(value=False, point="door")
    assert station.whats == ["raised", "returned"]
    other = Station(contact())
    other.reads(value=True, point="door")
    other.wait(2)
    other.reads(value=True, point="door")
    del other.kept["alarm/door"]
    other.restart()
    for _ in range(3):
        other.reads(value=True, point="door")
        other.wait(1)
    assert other.whats == ["raised", "raised"]


def test_what_people_found_is_counted_once_an_alarm_and_outlives_a_restart():
    station = Station(contact())
    held(station, 3)
    alarm = station.alarm.id
    station.act(lambda alarms: alarms.judge("alarm-x", "li", real=True, rule="door"))
    station.act(lambda alarms: alarms.judge(alarm, "li", real=True))
    station.act(lambda alarms: alarms.judge(alarm, "li", real=False))
    tally = station.core.alarms.verdicts.of_rule["door"]
    assert (tally.real, tally.unreal) == (1, 1)
    assert station.alarm.real is False
    station.restart()
    assert station.core.alarms.verdicts.of_rule["door"] == tally
    with pytest.raises(UsageError, match=r"rules\.no-alarm"):
        station.act(lambda alarms: alarms.judge("alarm-y", "li", real=True, rule="gone"))


def test_an_alarm_of_the_version_before_is_called_for_as_any_other():
    station = Station(contact())
    held(station, 3)
    old = msgspec.msgpack.decode(station.kept["alarm/door"])
    for new in ("acknowledged_ns", "attended", "unreached", "real"):
        old.pop(new, None)
    station.kept["alarm/door"] = msgspec.msgpack.encode(old)
    station.restart()
    station.wait(40)
    assert station.whats[-1] == "escalated"

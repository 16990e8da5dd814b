"""What a zone hears of many alarms, and what whoever waits is told of a call."""

import msgspec

from drivers.contract import Quality, Reading
from gateway.rules.duty import OFTEN_S, SELDOM_S
from gateway.rules.escalation_calls import PAUSE_CRITICAL_NS
from gateway.rules.kinds import S
from gateway.rules.linkage import ANSWER, RING
from tests.rules.test_calls import SOS, Station, contact, held

HALL = {
    "roster": [{"who": "张三", "at": "08:00-20:00", "by": ["hall"]}],
    "escalate": [{"after_s": 30, "to": "张三"}],
}
ALWAYS = {**HALL, "roster": [{"who": "张三", "by": ["hall"]}]}
MANY = {f"f{n}": {"use": "contact-active", "on": [f"di.f{n}"], "severity": "major"}
        for n in range(20)}  # fmt: skip


def rings(station):
    return [task for task in station.tasks if task.does == RING]


def break_down(station, *, together=True):
    for n in range(20):
        for _ in range(3):
            word = Reading("di", f"f{n}", True, "1", Quality.GOOD, 0)
            station.take(station.core.read([word], station.moment()))
            station.now_s += 0 if together else 1
    station.now_s += 2
    words = [Reading("di", f"f{n}", True, "1", Quality.GOOD, 0) for n in range(20)]
    station.take(station.core.read(words, station.moment()))


def test_twenty_alarms_at_once_are_one_sentence_a_round():
    station = Station(MANY, duty=ALWAYS)
    break_down(station)
    station.wait(29)
    assert rings(station) == []
    station.wait(600)
    assert len(rings(station)) == 20
    assert {task.action["more"] for task in rings(station)} == {19}


def test_an_sos_among_them_is_named_at_once_and_first():
    station = Station(MANY | SOS, duty=ALWAYS)
    break_down(station, together=False)
    station.wait(300)
    station.press()
    station.wait(30)
    named = [task.rule for task in rings(station)]
    assert named.count("sos") == 1
    assert len(named) <= 13, "about one in 30 s"
    station.wait(300)
    after = [task.rule for task in rings(station)][len(named) :]
    assert after.count("sos") >= 9, "what is gravest is named"


def test_two_that_lives_hang_on_are_both_called_within_a_sentence_s_length():
    station = Station(SOS | contact(), duty=ALWAYS)
    station.press()
    station.wait(2)
    held(station, 3)
    station.wait(30 + PAUSE_CRITICAL_NS // S)
    assert [task.rule for task in rings(station)][:2] == ["sos", "door"]


def test_who_is_taken_while_a_sentence_waits_is_not_called():
    station = Station(SOS | MANY, duty=ALWAYS)
    station.press()
    station.wait(27)
    break_down(station)
    station.act(lambda alarms: alarms.acknowledge("sos", "li"))
    for n in range(20):
        station.act(lambda alarms, n=n: alarms.acknowledge(f"f{n}", "li"))
    station.wait(100)
    assert rings(station) == []


def test_after_the_first_hour_only_what_is_critical_is_called_for():
    for severity, more in (("major", 0), ("critical", 8)):
        station = Station(contact(severity=severity), duty=ALWAYS)
        held(station, 3)
        station.wait(30 + OFTEN_S)
        before = len(rings(station))
        station.wait(8 * SELDOM_S)
        assert len(rings(station)) - before == more


def test_forgotten_alarms_of_the_version_before_do_not_wake_the_house():
    station = Station(MANY, duty=ALWAYS)
    break_down(station)
    for n in range(20):
        station.reads(value=False, point=f"f{n}")
        old = msgspec.msgpack.decode(station.kept[f"alarm/f{n}"])
        for new in ("acknowledged_ns", "attended", "unreached", "real"):
            old.pop(new, None)
        station.kept[f"alarm/f{n}"] = msgspec.msgpack.encode(old)
    station.now_s += 30 * 86_400
    station.restart()
    station.wait(1000)
    assert len(rings(station)) <= 1


def test_that_somebody_is_called_is_said_once_a_loudspeaker_has_taken_it():
    night = Station(SOS, duty=HALL)
    night.press()
    night.wait(40)
    assert "escalated" in night.whats
    assert night.said() == ["heard"], "nobody is on duty at that hour"
    refused = Station(SOS, duty=ALWAYS)
    refused.press()
    refused.wait(31)
    (ring,) = rings(refused)
    refused.take(refused.core.finish_task(ring, "failed", "broadcast.quiet"))
    refused.press()
    refused.wait(5)
    refused.press()
    assert set(refused.said()) == {"heard"}
    done = Station(SOS, duty=ALWAYS)
    done.press()
    done.wait(31)
    (ring,) = rings(done)
    done.take(done.core.finish_task(ring, "done"))
    assert done.said() == ["heard", "called"]
    (told,) = [task for task in done.tasks if task.action.get("says") == "called"]
    assert told.action == {ANSWER: "hall", "says": "called", "to": "张三"}
    assert f"task/{told.id}" in done.kept
    done.wait(5)
    done.press()
    assert done.said()[2:] == ["called"]


def test_nobody_is_said_to_be_called_for_what_was_taken_meanwhile():
    station = Station(SOS, duty=ALWAYS)
    station.press()
    station.wait(31)
    (ring,) = rings(station)
    station.act(lambda alarms: alarms.acknowledge("sos", "li"))
    station.take(station.core.finish_task(ring, "done"))
    assert station.said() == ["heard", "coming"]


def chatter(station):
    """An hour; how many answers."""
    before = len(station.said())
    for second in range(3600):
        station.reads(value=second % 2 == 0)
        station.wait(1)
    return len(station.said()) - before


def test_a_contact_that_chatters_is_answered_seldom_and_on_its_shelf_once():
    station = Station(SOS)
    assert chatter(station) < 75
    assert chatter(station) <= 60
    now = station.moment()
    station.act(lambda alarms: alarms.shelve("sos", 8 * 3600, "li", now, note="探头在换"))
    assert chatter(station) == 1
    station.reads(value=False)
    station.wait(600)
    station.press()
    assert station.said()[-1] == "silent"
    station.wait(60)
    station.press()
    assert station.said().count("silent") == 2

"""What a shelf or maintenance ends with: nobody who asked for help meanwhile is forgotten."""

from gateway.rules.alarm import AlarmState
from gateway.rules.linkage import RING
from tests.rules.test_calls import SOS, Station, contact, held


def shelved(station, seconds=60, rule="sos"):
    now = station.moment()
    station.act(lambda alarms: alarms.shelve(rule, seconds, "li", now, note="探头在换"))


def maintained(station, seconds=60):
    now = station.moment()
    station.act(lambda alarms: alarms.maintain("hall", seconds, "li", now))


def called(station):
    """It stands, gone and unseen, and somebody is called for it."""
    station.wait(100)
    return station.alarm.state is AlarmState.RETURNED and station.said(RING) == ["hall"]


def test_an_sos_that_was_shelved_calls_when_the_shelf_ends():
    station = Station(SOS)
    station.press()
    shelved(station)
    assert called(station)
    assert station.whats[:5] == ["raised", "returned", "shelved", "raised", "returned"]


def test_an_sos_that_is_pressed_on_the_shelf_calls_when_it_ends_also_after_somebody_had_come():
    station = Station(SOS)
    station.reads(value=True)
    station.act(lambda alarms: alarms.attend("sos", "li"))
    shelved(station)
    station.reads(value=False)
    station.wait(10)
    station.press()
    assert called(station)


def test_an_sos_to_which_somebody_has_come_is_over_with_its_shelf():
    station = Station(SOS)
    station.reads(value=True)
    station.act(lambda alarms: alarms.attend("sos", "li"))
    shelved(station)
    station.reads(value=False)
    station.wait(100)
    assert station.whats[-1] == "cleared"
    assert station.core.alarms.book.open == {}


def test_an_sos_before_or_during_maintenance_calls_when_it_ends_after_a_restart_too():
    before = Station(SOS)
    before.press()
    maintained(before)
    before.restart()
    assert called(before)
    during = Station(SOS)
    maintained(during)
    during.press()
    assert during.whats == []
    during.restart()
    assert called(during)
    assert during.whats[:2] == ["raised", "returned"]


def test_taken_off_its_shelf_by_hand_it_calls_and_its_linkage_does_not_act_again():
    station = Station(SOS, {"ring": {"when": "sos", "do": [{"call": "desk"}]}})
    station.press()
    shelved(station, 3600)
    now = station.moment()
    station.act(lambda alarms: alarms.unshelve("sos", "li", now))
    assert called(station)
    assert [task.does for task in station.tasks].count("call") == 1


def test_a_shelf_that_ends_in_maintenance_waits_for_its_end():
    station = Station(SOS)
    station.press()
    shelved(station)
    maintained(station, 200)
    station.wait(190)
    assert station.said(RING) == []
    assert called(station)


def test_what_latches_and_nobody_had_taken_outlives_maintenance_and_a_test_during_it_does_not():
    untaken = Station(contact())
    held(untaken, 10)
    maintained(untaken)
    assert called(untaken)
    tested = Station(contact())
    maintained(tested)
    held(tested, 10)
    tested.wait(100)
    assert tested.core.alarms.book.open == {}
    assert tested.whats == []
    seen = Station(contact())
    held(seen, 10)
    shelved(seen, rule="door")
    seen.wait(100)
    assert seen.whats[-1] == "cleared", "whoever shelved it has seen it"

"""The guard's table and its hours: each rule alone, and that each can be missed."""

import pytest

from broadcast.order import Authority, LiveContent, OrderClass, TextContent
from broadcast.policy.guard import (
    GuardAnswer,
    SoundZone,
    ZoneMap,
    end_by_ns,
    judge_order,
    judge_playing,
    judge_start,
    level_db,
    rounds,
    speaker_cap_db,
    speakers_of,
)
from broadcast.policy.quiet_hours import ClockReading, QuietHours, S
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.clock import Deadline
from gateway.event import Trust
from tests.broadcast.policy.zones import BOOT, HOUSE, order

NOON_NS = 1_790_049_600 * S  # 2026-09-22 12:00 in Shanghai
CALENDAR = Calendar("Asia/Shanghai", {})


def at(clock: str, *, error_s: float = 0.0) -> ClockReading:
    hour, minute = map(int, clock.split(":"))
    wall_ns = NOON_NS + ((hour - 12) * 3600 + minute * 60) * S
    return ClockReading(1_000 * S, wall_ns, error_s, Trust.NTP)


NOON = at("12:00")
LOST = ClockReading(1_000 * S)


def why(made, moment=NOON):
    ruling = judge_order(made, HOUSE, moment, BOOT)
    return ruling.answer, ruling.code


def test_an_ordinary_notice_at_noon_goes():
    assert why(order()) == (GuardAnswer.GO, None)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"expires": Deadline(BOOT, 1_000 * S)}, (GuardAnswer.EXPIRED, "broadcast.expired")),
        ({"expires": Deadline("f" * 16, 9_000 * S)}, (GuardAnswer.EXPIRED, "broadcast.expired")),
        ({"zones": ("moon",)}, (GuardAnswer.REFUSE, "broadcast.unknown-zone")),
        ({"zones": ("mute",)}, (GuardAnswer.REFUSE, "broadcast.no-speaker")),
        ({"zones": ("mute", "all")}, (GuardAnswer.GO, None)),
        ({"class_": OrderClass.FIRE}, (GuardAnswer.REFUSE, "broadcast.not-entitled")),
        ({"class_": OrderClass.LIVE}, (GuardAnswer.REFUSE, "broadcast.not-live")),
        ({"content": LiveContent()}, (GuardAnswer.REFUSE, "broadcast.not-live")),
        ({"zones": ("lift",)}, (GuardAnswer.REFUSE, "broadcast.near")),
        ({"zones": ("lift",), "class_": OrderClass.EMERGENCY}, (GuardAnswer.GO, None)),
        (
            {"not_before": Deadline(BOOT, 1_060 * S)},
            (GuardAnswer.WAIT, "broadcast.not-yet"),
        ),
        ({"not_before": Deadline("f" * 16, 1_060 * S)}, (GuardAnswer.GO, None)),
    ],
)
def test_each_rule_alone(changed, expected):
    assert why(order(**changed)) == expected


@pytest.mark.parametrize(
    ("authority", "actor", "cls", "may"),
    [
        (Authority.PRESS, "staff", OrderClass.EMERGENCY, True),
        (Authority.PRESS, "resident", OrderClass.NOTICE, False),
        (Authority.PRESS, "resident", OrderClass.PROMPT, True),
        (Authority.PRESS, "platform", OrderClass.NOTICE, False),
        (Authority.SIGNATURE, "platform", OrderClass.EMERGENCY, True),
        (Authority.SIGNATURE, "staff", OrderClass.EMERGENCY, False),
        (Authority.PRESS, "schedule", OrderClass.NOTICE, True),
        (Authority.PRESS, "schedule", OrderClass.URGENT, False),
        (Authority.FIRE_INPUT, "system", OrderClass.FIRE, True),
        (Authority.FIRE_INPUT, "system", OrderClass.EMERGENCY, False),
    ],
)
def test_authority_for_the_class(authority, actor, cls, may):
    made = order(authority=authority, actor=Actor(actor, "x"), class_=cls)
    assert (why(made)[0] is GuardAnswer.GO) is may


def test_nobody_from_afar_opens_a_microphone_of_the_station():
    ours = {"content": LiveContent("duty"), "class_": OrderClass.LIVE}
    platform = {"authority": Authority.SIGNATURE, "actor": Actor("platform", "district")}
    assert why(order(**ours))[0] is GuardAnswer.GO
    assert why(order(**ours, **platform))[1] == "broadcast.not-entitled"
    assert why(order(**platform, **ours | {"content": LiveContent()}))[0] is GuardAnswer.GO


def test_a_linkage_has_class_8_only_where_it_was_granted():
    made = {"authority": Authority.LINKAGE, "class_": OrderClass.EMERGENCY}
    assert why(order(actor=Actor("linkage", "smoke"), **made))[0] is GuardAnswer.GO
    assert why(order(actor=Actor("linkage", "other"), **made))[1] == "broadcast.not-granted"
    pretends = order(actor=Actor("staff", "smoke"), **made)
    assert why(pretends)[1] == "broadcast.not-entitled"


def test_a_lift_speaks_about_its_own_alarm_only():
    said = {
        "zones": ("lift",),
        "authority": Authority.LINKAGE,
        "actor": Actor("linkage", "ebike"),
        "class_": OrderClass.URGENT,
    }
    assert why(order(place="b3-lift", **said))[0] is GuardAnswer.GO
    assert why(order(place="b3", **said))[1] == "broadcast.near"


@pytest.mark.parametrize(
    ("clock", "answer"),
    [
        ("21:29", GuardAnswer.GO),
        ("21:30", GuardAnswer.REFUSE),
        ("00:00", GuardAnswer.REFUSE),
        ("06:59", GuardAnswer.REFUSE),
        ("07:00", GuardAnswer.GO),
    ],
)
def test_quiet_hours_are_for_the_community(clock, answer):
    assert why(order(), at(clock))[0] is answer
    assert why(order(zones=("hall",)), at(clock))[0] is GuardAnswer.GO
    assert why(order(zones=("hall", "b3")), at(clock))[0] is answer
    assert why(order(class_=OrderClass.EMERGENCY), at(clock))[0] is GuardAnswer.GO


def test_what_lives_until_morning_waits_for_it():
    ruling = judge_order(order(lives_s=9 * 3600 + 1), HOUSE, at("22:00"), BOOT)
    assert (ruling.answer, ruling.code) == (GuardAnswer.WAIT, "broadcast.quiet")
    assert ruling.wait_s == 9 * 3600
    assert (
        judge_order(order(lives_s=9 * 3600 - 1), HOUSE, at("22:00"), BOOT).answer
        is GuardAnswer.REFUSE
    )


def test_a_sound_ends_before_quiet_hours_begin():
    assert judge_start(order(), HOUSE, at("21:28"), BOOT, seconds=100).answer is GuardAnswer.GO
    assert judge_start(order(), HOUSE, at("21:28"), BOOT, seconds=119).code == "broadcast.quiet"


def test_a_clock_that_may_be_wrong_is_quiet_as_soon_as_it_may_be():
    assert why(order(), at("21:27", error_s=180)) == (GuardAnswer.REFUSE, "broadcast.quiet")
    assert why(order(), at("07:02", error_s=180)) == (GuardAnswer.REFUSE, "broadcast.quiet")
    assert why(order(), at("07:03", error_s=180))[0] is GuardAnswer.GO


def test_without_the_time_nothing_scheduled_sounds_and_nothing_in_the_community():
    scheduled = order(actor=Actor("schedule", "morning"), zones=("hall",))
    assert why(scheduled)[0] is GuardAnswer.GO
    assert why(scheduled, LOST)[1] == "broadcast.untrusted-clock"
    assert why(order(), LOST)[1] == "broadcast.no-time"
    assert why(order(zones=("hall",)), LOST)[0] is GuardAnswer.GO
    assert why(order(class_=OrderClass.EMERGENCY), LOST)[0] is GuardAnswer.GO


def test_what_is_near_is_never_loud_and_an_emergency_always_is():
    assert level_db(order(level_db=6), HOUSE) == 0
    assert level_db(order(level_db=-20), HOUSE) == -20
    assert level_db(order(zones=("lift",), level_db=0), HOUSE) == -10
    assert level_db(order(level_db=-20, class_=OrderClass.EMERGENCY), HOUSE) == 0


def shared(*zones):
    """A house of zones `(id, kind, speakers)`; each is its own place."""
    made = {
        id_: SoundZone(id_, id_, kind, frozenset({id_}), frozenset(s)) for id_, kind, s in zones
    }
    return ZoneMap(made, HOUSE.quiet)


MIXED = shared(
    ("all", "community", ("horn", "yard", "cabin")),
    ("office", "indoors", ("horn", "desk")),
    ("hall", "indoors", ("card", "cabin")),
    ("lift", "near", ("cabin",)),
)
NIGHT = at("03:00")


@pytest.mark.parametrize(
    "class_", [OrderClass.URGENT, OrderClass.SERVICE, OrderClass.NOTICE, OrderClass.BACKGROUND]
)
def test_a_horn_of_the_street_is_silent_by_night_whichever_of_its_zones_is_named(class_):
    made = order(zones=("office",), class_=class_)
    assert judge_order(made, MIXED, NOON, BOOT).answer is GuardAnswer.GO
    assert judge_order(made, MIXED, NIGHT, BOOT).code == "broadcast.quiet"
    assert judge_order(made, MIXED, LOST, BOOT).code == "broadcast.no-time"
    assert judge_playing(made, MIXED, at("21:29"), BOOT) is None
    assert judge_playing(made, MIXED, at("21:30"), BOOT) == "broadcast.quiet"
    assert end_by_ns(made, MIXED, at("21:29"), 40) == (1_000 + 45) * S
    assert end_by_ns(made, MIXED, at("21:29"), 300) == (1_000 + 55) * S
    urgent = order(zones=("office",), class_=OrderClass.EMERGENCY)
    assert judge_order(urgent, MIXED, NIGHT, BOOT).answer is GuardAnswer.GO
    assert speakers_of(urgent, MIXED) == {"horn", "desk"}


def test_a_horn_that_is_near_as_well_is_left_out_of_what_is_not_for_it():
    assert speakers_of(order(zones=("hall",)), MIXED) == {"card"}
    assert speakers_of(order(), MIXED) == {"horn", "yard"}
    assert speakers_of(order(class_=OrderClass.EMERGENCY), MIXED) == {"horn", "yard", "cabin"}
    prompt = order(zones=("hall",), class_=OrderClass.PROMPT, actor=Actor("resident", "kiosk"))
    assert speakers_of(prompt, MIXED) == {"card", "cabin"}
    alarm = {"authority": Authority.LINKAGE, "actor": Actor("linkage", "ebike")}
    theirs = order(zones=("hall",), class_=OrderClass.URGENT, place="lift", **alarm)
    assert speakers_of(theirs, MIXED) == {"card", "cabin"}
    assert speakers_of(
        order(zones=("hall",), class_=OrderClass.URGENT, place="b3", **alarm), MIXED
    ) == {"card"}
    # by night the cabin's horn is one of the street's, so that a prompt is not heard there either
    assert judge_order(order(zones=("hall",)), MIXED, NIGHT, BOOT).answer is GuardAnswer.GO
    assert judge_order(prompt, MIXED, NIGHT, BOOT).code == "broadcast.quiet"


def test_a_zone_of_near_horns_alone_says_why_it_stays_silent():
    house = shared(("hall", "indoors", ("cabin",)), ("lift", "near", ("cabin",)))
    refused = judge_order(order(zones=("hall",)), house, NOON, BOOT)
    assert (refused.code, refused.detail) == ("broadcast.near", {"zone": "hall"})


def test_what_is_near_keeps_its_cap_in_all_of_its_zones():
    assert {horn: speaker_cap_db(horn, MIXED) for horn in ("horn", "desk", "cabin", "gone")} == {
        "horn": None, "desk": None, "cabin": -10.0, "gone": None,
    }  # fmt: skip


def test_quiet_all_day_is_quiet_at_any_time_known_or_not():
    house = ZoneMap(HOUSE.zones, QuietHours("00:00-24:00", CALENDAR))
    for moment in (NOON, NIGHT, at("00:00"), LOST):
        assert house.quiet.state_at(moment).quiet
        waits = order(lives_s=20 * 3600)
        assert judge_order(waits, house, moment, BOOT).code == "broadcast.quiet"
        assert judge_order(waits, house, moment, BOOT).answer is GuardAnswer.REFUSE
    assert (
        judge_order(order(class_=OrderClass.EMERGENCY), house, NOON, BOOT).answer is GuardAnswer.GO
    )


def test_too_long_is_refused_but_an_emergency_is_shortened():
    assert judge_start(order(), HOUSE, NOON, BOOT, seconds=301).code == "broadcast.too-long"
    made = order(class_=OrderClass.EMERGENCY, repeat=100)
    assert judge_start(made, HOUSE, NOON, BOOT, seconds=9_999).answer is GuardAnswer.GO
    assert rounds(order(repeat=3), 60, NOON, BOOT) == 3
    assert rounds(order(repeat=3), 100, NOON, BOOT, 0.0) == 3
    assert rounds(order(repeat=3), 100, NOON, BOOT, 2.0) == 2
    assert rounds(order(repeat=3), 301, NOON, BOOT, 2.0) == 1
    assert rounds(order(class_=OrderClass.BACKGROUND, repeat=100), 600, NOON, BOOT) == 24
    assert rounds(made, 9, NOON, BOOT) == 6
    assert rounds(made, 9_999, NOON, BOOT) == 1
    lasting = order(class_=OrderClass.EMERGENCY, repeat=100, lives_s=9_999)
    assert rounds(lasting, 60, NOON, BOOT) == 60


@pytest.mark.parametrize("between", ["21:30-07:00", "12:00-14:00"])
def test_the_spell_of_every_minute_is_that_of_the_window(between):
    quiet = QuietHours(between, CALENDAR)
    start, end = (int(t[:2]) * 60 + int(t[3:]) for t in between.split("-"))
    for minute in range(0, 1440, 7):
        spell = quiet.state_at(at(f"{minute // 60:02}:{minute % 60:02}"))
        inside = (minute - start) % 1440 < (end - start) % 1440
        assert spell.quiet is inside
        assert spell.left_s == ((end if inside else start) - minute) % 1440 * 60 or not inside


def test_never_quiet_where_there_are_no_quiet_hours():
    assert QuietHours(None, CALENDAR).state_at(LOST).quiet is False


def test_words_are_checked_when_an_order_is_made():
    assert isinstance(order().content, TextContent)


HALL = shared(
    ("all", "community", ("horn", "card", "cabin")),
    ("hall", "indoors", ("card",)),
    ("lift", "near", ("cabin",)),
)
STANDS = HALL._replace(stands={"card": "indoors", "cabin": "near"})
RING = {"authority": Authority.LINKAGE, "actor": Actor("linkage", "duty")}


@pytest.mark.parametrize("zone", ["hall", "lift"])
@pytest.mark.parametrize(
    ("class_", "changed"),
    [
        (OrderClass.SERVICE, {"actor": Actor("resident", "kiosk")}),
        (OrderClass.PROMPT, {"actor": Actor("resident", "kiosk")}),
        (OrderClass.SERVICE, {**RING, "place": "lift"}),
    ],
)
def test_a_loudspeaker_that_is_said_to_stand_indoors_is_heard_by_night(zone, class_, changed):
    made = order(zones=(zone,), class_=class_, **changed)
    assert judge_order(made, HALL, NIGHT, BOOT).code == "broadcast.quiet"
    assert judge_order(made, STANDS, NIGHT, BOOT).answer is GuardAnswer.GO
    assert judge_order(made, STANDS, LOST, BOOT).answer is GuardAnswer.GO
    assert judge_playing(made, STANDS, at("21:30"), BOOT) is None
    assert end_by_ns(made, STANDS, at("21:29"), 300) == (1_000 + 305) * S


def test_what_is_for_the_street_as_well_keeps_its_quiet_hours():
    assert judge_order(order(), STANDS, NIGHT, BOOT).code == "broadcast.quiet"
    assert speakers_of(order(), STANDS) == {"horn", "card"}
    assert speakers_of(order(class_=OrderClass.EMERGENCY), STANDS) == {"horn", "card", "cabin"}


def test_where_a_loudspeaker_stands_decides_its_level_and_for_whom_it_speaks():
    assert [speaker_cap_db(each, STANDS) for each in ("horn", "card", "cabin")] == [
        None,
        None,
        -10.0,
    ]
    moved = HALL._replace(stands={"cabin": "indoors", "card": "near", "horn": "community"})
    assert [speaker_cap_db(each, moved) for each in ("horn", "card", "cabin")] == [
        None,
        -10.0,
        None,
    ]
    lift = order(zones=("lift",), class_=OrderClass.PROMPT, actor=Actor("resident", "kiosk"))
    assert (level_db(lift, STANDS), level_db(lift, moved)) == (-10.0, 0.0)
    assert speakers_of(order(), moved) == {"horn", "cabin"}
    prompt = order(zones=("hall",), class_=OrderClass.PROMPT, actor=Actor("resident", "kiosk"))
    assert speakers_of(prompt, moved) == {"card"}
    theirs = order(zones=("hall",), class_=OrderClass.URGENT, place="hall", **RING)
    assert speakers_of(theirs, moved) == {"card"}
    assert (
        speakers_of(order(zones=("hall",), class_=OrderClass.URGENT, place="b9", **RING), moved)
        == set()
    )

"""Dry contacts: any readings, in any order, with any gaps."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Quality
from drivers.dry_contact import (
    ContactChange,
    ContactLevel,
    ContactOptions,
    ContactState,
    SupervisedLoop,
    resume_contact,
    update_contact,
)

S = 1_000_000_000
GOOD, LOST = Quality.GOOD, Quality.TIMEOUT
LOOP = SupervisedLoop(short=500, parted=7_000, open=20_000)


def play_at(options, readings) -> list[tuple[int, ContactChange]]:
    """What is told of readings (seconds, value, quality), and when."""
    contact, told = ContactState(), []
    for at_s, value, quality in readings:
        at_ns = round(at_s * S)
        contact, change = update_contact(contact, options, value, quality, at_ns)
        if change is not None:
            told.append((at_ns, change))
    return told


def play(options, readings) -> list[ContactChange]:
    return [change for _, change in play_at(options, readings)]


def polled(values, every_s=0.1):
    """Good readings, one after the other; None is a lost one."""
    return [
        (index * every_s, value, LOST if value is None else GOOD)
        for index, value in enumerate(values)
    ]


def levels(changes) -> list[str]:
    return [change.level.value + ("!" if change.stuck else "") for change in changes]


@pytest.mark.parametrize(
    ("normally", "told"), [("open", ["idle", "active"]), ("closed", ["active", "idle"])]
)
def test_normally_says_which_level_is_idle(normally, told) -> None:
    changes = play(ContactOptions(normally=normally), polled([False, True]))
    assert levels(changes) == told


def test_an_edge_bears_the_time_of_the_first_reading_that_showed_it() -> None:
    options = ContactOptions(hold_s=0.25)
    (_, edge) = play(options, polled([0, 0, 0, 0, 1, 1, 1, 1]))
    assert edge == ContactChange(ContactLevel.IDLE, ContactLevel.ACTIVE, 4 * S // 10, 3 * S // 10)


def test_a_bounce_shorter_than_the_hold_is_nothing() -> None:
    options = ContactOptions(hold_s=0.15)
    assert levels(play(options, polled([0, 0, 0, 1, 1, 0, 1, 0, 0, 0]))) == ["idle"]


def test_a_lost_reading_neither_makes_nor_delays_an_edge() -> None:
    options = ContactOptions(hold_s=0.25)
    (_, edge) = play(options, polled([0, 0, 0, 0, 1, None, None, 1]))
    assert (edge.at_ns, edge.not_before_ns) == (4 * S // 10, 3 * S // 10)


def test_an_input_that_is_lost_too_long_is_unknown_and_comes_back() -> None:
    readings = polled([1] + [None] * 20 + [1, 0], every_s=1)
    changes = play(ContactOptions(lost_s=10), readings)
    assert levels(changes) == ["active", "unknown", "active", "idle"]
    assert changes[1].at_ns == 10 * S
    assert changes[1].not_before_ns == 0


@pytest.mark.parametrize("value", [None, "closed", float("nan")])
def test_what_is_no_reading_says_nothing(value) -> None:
    assert play(ContactOptions(loop=LOOP), [(0, value, GOOD)]) == []


def test_a_jammed_key_is_told_once_and_again_after_a_release() -> None:
    options = ContactOptions(stuck_s=3)
    readings = polled([0] + [1] * 10 + [0] + [1] * 10, every_s=1)
    changes = play(options, readings)
    assert levels(changes) == ["idle", "active", "active!", "idle", "active", "active!"]
    assert changes[2].at_ns == 4 * S


def test_a_flicker_does_not_unjam_a_key() -> None:
    options = ContactOptions(stuck_s=3, hold_s=1.5)
    readings = polled([0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1], every_s=1)
    assert levels(play(options, readings)) == ["idle", "active", "active!"]


@pytest.mark.parametrize(
    ("measured", "level"),
    [
        (0, "short"), (499.9, "short"), (500, "active"), (6_999, "active"),
        (7_000, "idle"), (19_999, "idle"), (20_000, "open"), (float("inf"), "open"),
    ],
)  # fmt: skip
def test_the_four_levels_of_a_supervised_loop(measured, level) -> None:
    assert levels(play(ContactOptions(loop=LOOP), [(0, measured, GOOD)])) == [level]


def test_a_normally_closed_loop_is_idle_below() -> None:
    loop = SupervisedLoop(short=500, parted=7_000, open=20_000, idle_below=True)
    changes = play(ContactOptions(loop=loop), polled([5_000, 10_000]))
    assert levels(changes) == ["idle", "active"]


@pytest.mark.parametrize("bands", [(2, 1, 3), (1, 3, 2), (1, 1, 2)])
def test_bands_in_disorder(bands) -> None:
    with pytest.raises(ValueError, match="short"):
        SupervisedLoop(short=bands[0], parted=bands[1], open=bands[2])


GAPS = st.sampled_from([0.02, 0.1, 0.25, 1.0, 4.0])
OPTIONS = st.builds(
    ContactOptions,
    normally=st.sampled_from(["open", "closed"]),
    hold_s=st.sampled_from([0.0, 0.1, 0.5]),
    lost_s=st.sampled_from([1.0, 10.0]),
    stuck_s=st.sampled_from([2.0, float("inf")]),
)
LOOPS = st.builds(
    ContactOptions,
    hold_s=st.sampled_from([0.0, 0.1, 0.5]),
    loop=st.sampled_from(
        [LOOP, SupervisedLoop(short=500, parted=7_000, open=20_000, idle_below=True)]
    ),
)


def timed(steps) -> list:
    at_s = itertools.accumulate(gap for gap, _ in steps)
    return [(at, value, LOST if value is None else GOOD)
            for at, (_, value) in zip(at_s, steps, strict=True)]  # fmt: skip


STEPS = st.lists(st.tuples(GAPS, st.sampled_from([True, True, False, False, None])), max_size=60)
OHMS = st.sampled_from([0, 400, 5_000, 10_000, 1e9, None])


@given(OPTIONS, STEPS)
def test_what_is_told_alternates_and_never_runs_ahead(options, steps) -> None:
    readings = timed(steps)
    changes = play(options, readings)
    told = [change for change in changes if not change.stuck]
    assert all(change.was is not change.level for change in told)
    assert [change.was for change in told] == [ContactLevel.UNKNOWN, *(c.level for c in told)][
        : len(told)
    ]
    instants = {round(at * S) for at, _, _ in readings}
    for change in changes:
        assert change.at_ns in instants
        assert change.not_before_ns is None or change.not_before_ns < change.at_ns


@given(OPTIONS, STEPS)
def test_every_change_was_shown_for_as_long_as_it_must(options, steps) -> None:
    options = msgspec.structs.replace(options, lost_s=1e6)
    readings = timed(steps)
    for told_ns, change in play_at(options, readings):
        if change.level is ContactLevel.UNKNOWN or change.stuck:
            continue
        closed = (change.level is ContactLevel.ACTIVE) == (options.normally == "open")
        shown = {round(at * S): value for at, value, _ in readings if value is not None}
        assert shown[change.at_ns] is closed
        back = [(at, value) for at, value in reversed(shown.items()) if at <= told_ns]
        held = [at for at, _ in itertools.takewhile(lambda each, c=closed: each[1] is c, back)]
        assert held[0] - held[-1] >= options.hold_s * S
        assert held[-1] >= change.at_ns


def test_a_bouncing_edge_is_as_old_as_its_first_contact() -> None:
    options = ContactOptions(hold_s=0.3)
    (_, edge) = play(options, polled([0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1]))
    assert (edge.at_ns, edge.not_before_ns) == (4 * S // 10, 3 * S // 10)


def test_a_bounce_that_came_to_nothing_does_not_age_the_next_edge() -> None:
    options = ContactOptions(hold_s=0.15)
    (_, edge) = play(options, polled([0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1]))
    assert edge.at_ns == 8 * S // 10


@given(OPTIONS, STEPS)
def test_a_level_that_stays_is_told_in_the_end(options, steps) -> None:
    last_s = sum(gap for gap, _ in steps)
    stays = [(last_s + 0.1 * index, True, GOOD) for index in range(1, 8)]
    changes = [each for each in play(options, timed(steps) + stays) if not each.stuck]
    wanted = ContactLevel.ACTIVE if options.normally == "open" else ContactLevel.IDLE
    assert changes[-1].level is wanted


@given(OPTIONS, STEPS)
def test_inversion_is_only_a_name(options, steps) -> None:
    turned = ContactOptions(
        normally="closed" if options.normally == "open" else "open",
        hold_s=options.hold_s, lost_s=options.lost_s, stuck_s=options.stuck_s,
    )  # fmt: skip
    inverted = [(gap, None if value is None else not value) for gap, value in steps]
    assert play(options, timed(steps)) == play(turned, timed(inverted))


@given(LOOPS, st.lists(st.tuples(GAPS, OHMS), max_size=40))
def test_a_broken_cable_is_never_an_alarm_and_never_peace(options, steps) -> None:
    shown = {ohm for _, ohm in steps}
    told = {change.level for change in play(options, timed(steps))}
    assert (ContactLevel.SHORT not in told) or shown & {0, 400}
    assert (ContactLevel.OPEN not in told) or 1e9 in shown
    assert not told & {ContactLevel.IDLE, ContactLevel.ACTIVE} or shown & {5_000, 10_000}


@given(STEPS)
def test_a_jam_is_told_once_an_activation(steps) -> None:
    changes = play(ContactOptions(stuck_s=2, lost_s=1e6), timed(steps))
    jams = 0
    for change in changes:
        jams = jams + 1 if change.stuck else 0
        assert jams <= 1
        assert not change.stuck or change.level is ContactLevel.ACTIVE


def after(contact, options, readings) -> list:
    """What is told from `contact` on."""
    changes = []
    for at_s, value, quality in readings:
        contact, change = update_contact(contact, options, value, quality, round(at_s * S))
        changes += [change] if change is not None else []
    return changes


@pytest.mark.parametrize("level", [ContactLevel.IDLE, ContactLevel.ACTIVE])
def test_a_contact_that_is_as_it_was_before_a_restart_tells_nothing(level) -> None:
    contact = resume_contact(level, 0)
    assert after(contact, ContactOptions(), polled([level is ContactLevel.ACTIVE] * 5)) == []
    told = after(contact, ContactOptions(), polled([level is not ContactLevel.ACTIVE] * 5))
    assert [(each.was, each.not_before_ns) for each in told] == [(level, None)]


def test_a_key_held_over_a_restart_is_jammed_in_the_end_but_only_once() -> None:
    options, held = ContactOptions(stuck_s=3), polled([True] * 10, every_s=1)
    assert levels(after(resume_contact(ContactLevel.ACTIVE, 0), options, held)) == ["active!"]
    assert after(resume_contact(ContactLevel.ACTIVE, 0, stuck=True), options, held) == []


def test_an_input_that_is_never_read_after_a_restart_is_unknown_in_the_end() -> None:
    told = after(
        resume_contact(ContactLevel.IDLE, 0),
        ContactOptions(lost_s=10),
        polled([None] * 20, every_s=1),
    )
    assert [(each.level, each.at_ns) for each in told] == [(ContactLevel.UNKNOWN, 10 * S)]

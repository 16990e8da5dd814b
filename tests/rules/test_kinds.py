"""The kinds one by one: limits in other units, counters that are exchanged, bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Quality, Reading
from gateway.errors import UsageError
from gateway.rules import confirmation, watch
from gateway.rules.evaluator import WatchEvaluator
from gateway.rules.kinds import (
    KINDS,
    PointInfo,
    RuleInstant,
    RuleVerdict,
    S,
    combination,
    quantities,
    slope,
    standstill,
    threshold,
)
from tests.rules.player import calendar, look, shelf
from tests.rules.player import plan as planned


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("315 kW", "W", 315_000),
        ("0.05 m3/h", "m3/h", 0.05),
        ("50 L/h", "m3/h", 0.05),
        ("18 Cel", "Cel", 18),
        (7, "anything", 7),
        ("-3", "V", -3),
        ("100 [ppm]", "%", 0.01),
    ],
)
def test_a_quantity_is_brought_into_the_points_unit(written, unit, value):
    assert quantities.parse_amount(written, unit) == pytest.approx(value)


@pytest.mark.parametrize(("written", "unit"), [("5 A", "V"), ("5 m3", "m3/h"), ("5 bar", "V")])
def test_a_quantity_of_something_else_is_refused(written, unit):
    with pytest.raises(UsageError, match=r"rules\.wrong-unit"):
        quantities.parse_amount(written, unit)


def test_a_word_is_no_quantity():
    with pytest.raises(UsageError, match=r"rules\.no-quantity"):
        quantities.parse_amount("much", "V")


def test_a_difference_of_temperatures_is_in_kelvin():
    assert quantities.parse_difference("10 K", "Cel") == 10


@given(st.lists(st.tuples(st.integers(1, 10**11), st.floats(0, 1e6)), max_size=300))
def test_a_window_of_samples_is_bounded_and_ordered(steps):
    samples, now = (), 0
    for step_ns, value in steps:
        now += step_ns
        samples = slope.add_sample(samples, now, value, 600 * S)
    assert len(samples) <= slope.SAMPLES_MAX + 2
    assert list(samples) == sorted(samples, key=lambda sample: sample[0])


def test_an_exchanged_counter_begins_anew_and_raises_nothing():
    limits = standstill.IdleCounterLimits(100 * S, 0.0)
    state, _ = standstill.step_idle_counter(
        limits, standstill.IdleCounterState(), 812.0, RuleInstant(0)
    )
    state, verdict = standstill.step_idle_counter(limits, state, 3.0, RuleInstant(500 * S))
    assert (state.count, verdict) == (3.0, RuleVerdict.NO)


@pytest.mark.parametrize("told", [True, False])
def test_another_meters_count_is_no_consumption(told):
    rule = {"use": "over-limit", "on": ["water-b3.volume"], "set": {"above": "5 m3/h"}}
    (flow,) = planned({"rule": {"flow": rule}}).watches
    engine, signals = WatchEvaluator([flow], calendar()), []
    for minute in range(0, 240, 5):
        count = 100.0 + minute / 60 + (5_000.0 if minute >= 120 else 0.0)
        if told and minute == 120:
            engine.replace_meter("water-b3", "volume")
        reading = Reading("water-b3", "volume", count, "m3", Quality.GOOD, 0)
        signals += engine.read([reading], RuleInstant(minute * 60 * S))
    assert bool(signals) is not told


def test_a_counter_that_never_rests_is_seen_after_its_time_and_forgiven_at_its_rest():
    limits = standstill.RunningLimits(3600 * S, 900 * S)
    state, verdicts = standstill.RunningState(), []
    for minute in range(120):
        count = min(minute, 90) * 0.1
        state, verdict = standstill.step_running(limits, state, count, RuleInstant(minute * 60 * S))
        verdicts.append(verdict)
    assert verdicts.index(RuleVerdict.YES) == 61
    assert verdicts[90] is RuleVerdict.YES
    assert verdicts[-1] is RuleVerdict.NO


@pytest.mark.parametrize(
    "when", ["a +", "a and open('x')", "a.b", "1", "a or zz", "(" * 200 + "a", "a if b else a"]
)
def test_an_expression_is_names_joined_by_words_and_nothing_else(when):
    terms = {
        "a": combination.CombinationTerm(value=True),
        "b": combination.CombinationTerm(value=True),
    }
    with pytest.raises(UsageError, match=r"rules\.(bad-when|unknown-term)"):
        combination.parse_expression(when, terms)


@given(st.dictionaries(st.sampled_from("abc"), st.booleans()))
def test_an_expression_says_what_python_says_and_is_unsure_only_where_it_matters(known):
    terms = {name: combination.CombinationTerm(value=True) for name in "abc"}
    tree = combination.parse_expression("(a or b) and not (b and c)", terms)
    _, verdict = combination.step(
        combination.CombinationLimits({}, tree),
        combination.CombinationState(known),
        None,
        RuleInstant(0),
    )
    unknown = [name for name in "abc" if name not in known]
    worlds = {
        _truth({**known, **dict(zip(unknown, values, strict=True))})
        for values in _all(len(unknown))
    }
    if verdict is RuleVerdict.UNSURE:
        assert len(worlds) > 1 or unknown
    else:
        assert worlds == {verdict is RuleVerdict.YES}


def _truth(of):
    return (of["a"] or of["b"]) and not (of["b"] and of["c"])


def _all(count):
    return [tuple(bool(n >> bit & 1) for bit in range(count)) for n in range(1 << count)]


@given(
    st.lists(st.integers(0, 40) | st.none(), min_size=1, max_size=40),
    st.integers(1, 20),
    st.integers(21, 40),
    st.integers(0, 12),
)
def test_a_term_with_two_limits_says_what_a_term_for_each_would(values, below, above, hysteresis):
    over, under = (
        {"above": above, "hysteresis": hysteresis},
        {"below": below, "hysteresis": hysteresis},
    )
    one = verdicts("both", {"both": over | under}, values)
    assert one == verdicts("over or under", {"over": over, "under": under}, values)


def test_back_from_one_limit_of_a_term_is_not_beyond_its_other():
    both = {"both": {"above": 30, "below": 10, "hysteresis": 2}}
    said = verdicts("both", both, (20, 9, 11, 29, 31, 29, 27, 11))
    assert [one is RuleVerdict.YES for one in said] == [
        *(False, True, True, False, True, True, False, False)
    ]


def verdicts(when, terms, values):
    """What that expression says after each value; every term hears each of them."""
    made = {name: combination.CombinationTerm(**term) for name, term in terms.items()}
    prepared = {
        name: combination.prepare_term(name, one, PointInfo("Cel")) for name, one in made.items()
    }
    limits = combination.CombinationLimits(prepared, combination.parse_expression(when, made))
    state, said = combination.CombinationState(), []
    for value in values:
        for name in made:
            state = combination.update_term(limits, state, name, value)
        said.append(combination.step(limits, state, None, RuleInstant(0))[1])
    return said


@given(st.lists(st.sampled_from([*RuleVerdict]), max_size=60), st.integers(0, 5), st.integers(0, 5))
def test_nothing_is_confirmed_before_its_time(verdicts, for_s, clear_s):
    delays = confirmation.ConfirmationDelays(for_s * S, None, clear_s * S)
    state, since = confirmation.IDLE, None
    for second, verdict in enumerate(verdicts):
        before = state.phase.on
        state = confirmation.advance(delays, state, verdict, RuleInstant(second * S))
        if verdict is RuleVerdict.YES:
            since = second if since is None else since
        elif verdict is RuleVerdict.NO:
            since = None
        if state.phase.on and not before:
            assert since is not None
            assert second - since >= for_s


def test_three_of_five_is_three_of_the_last_five():
    delays, state = confirmation.ConfirmationDelays(0, (3, 5), 0), confirmation.IDLE
    phases = []
    for second, holds in enumerate([1, 0, 1, 0, 0, 1, 0, 1, 1]):
        state = confirmation.advance(
            delays, state, RuleVerdict.from_condition(holds), RuleInstant(second * S)
        )
        phases.append(state.phase.on)
    assert phases.index(True) == 8


@pytest.mark.parametrize("scenario_kind", sorted(KINDS))
def test_every_kind_has_a_ready_rule(scenario_kind):
    assert scenario_kind in {recipe.kind for recipe in shelf().values()}


@pytest.mark.parametrize("recipe_id", sorted(shelf()))
def test_a_ready_rule_says_in_two_languages_what_it_is_and_why(recipe_id):
    recipe = shelf()[recipe_id]
    assert recipe.name.zh
    assert recipe.name.en
    assert len(recipe.basis) >= 8


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_state_survives_the_journal(kind):
    state = watch.WatchState(
        kind.state(),
        confirmation.ConfirmationState(confirmation.ConfirmationPhase.ACTIVE, 7),
        5,
        RuleVerdict.YES,
    )
    body = watch.encode_state(kind, state)
    assert watch.decode_state(kind, body) == state
    others = [other for other in KINDS.values() if other is not kind]
    assert all(watch.decode_state(other, body) is None for other in others)
    assert watch.decode_state(kind, b"\xff" + body) is None


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"use": "transformer-overload", "on": ["em-tr.power-w"]}, "rules.needs"),
        ({"use": "bin-full", "on": ["em-tr.power-w"]}, "rules.unit-mismatch"),
        ({"use": "bin-full", "on": ["bin-east"]}, "rules.wants-point"),
        ({"use": "device-silent", "on": ["bus.meters"]}, "rules.wants-device"),
        ({"use": "phase-loss", "on": ["em-b3.voltage-a"]}, "rules.wants-roles"),
        ({"use": "phase-loss", "on": {"a": "em-b3.voltage-a"}}, "rules.wants-roles"),
        ({"use": "bin-full", "on": {"a": "bin-east.level"}}, "rules.wants-list"),
        ({"use": "bin-full", "on": ["bin-east.level"] * 2}, "rules.point-twice"),
        ({"use": "fast-change", "on": ["bin-east.level"]}, "rules.no-limit"),
        (
            {"use": "over-limit", "on": ["bin-east.level"], "set": {"above": 1, "below": 2}},
            "rules.upside-down",
        ),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rule, code):
    with pytest.raises(UsageError, match=code):
        planned({"rule": {"x": rule}})


def test_each_point_of_a_list_has_an_alarm_of_its_own():
    on = ["bin-east.level", "gas-b3.level"]
    made = planned({"rule": {"x": {"use": "over-limit", "on": on, "set": {"above": 1}}}})
    assert [one.id for one in made.watches] == ["x/bin-east.level", "x/gas-b3.level"]
    assert look("bin-east.level").point == PointInfo("%", 60)
    assert calendar() is calendar()


def test_back_from_one_limit_is_not_beyond_the_other():
    options = threshold.ThresholdOptions(above=30, below=10, hysteresis=2)
    limits = threshold.prepare(options, PointInfo("Cel"), calendar())
    state, said = threshold.ThresholdState(), []
    for value in (20, 9, 11, 29, 31, 29, 27, 11):
        state, verdict = threshold.step(limits, state, value, RuleInstant(0))
        said.append(verdict is RuleVerdict.YES)
    assert said == [False, True, True, False, True, True, False, False]

"""One suite over every type of request that is registered, the toy beside the product included."""

import tomllib
from collections.abc import Iterator

import pytest

from gateway.web.i18n import CATALOGUES
from kiosk.desk.row import find_desk
from kiosk.requests.repository import RequestRepository, RingEffect
from kiosk.requests.request import Request
from kiosk.requests.request_type import TYPES, TypeFlag
from kiosk.requests.rules import RequestRules
from kiosk.screen.context import find_screens
from kiosk.speech.sentences import LANGUAGES, load_script
from tests.kiosk.request_types.registered import NAMES, TOYS, with_toys
from tests.kiosk.request_types.schedules import Schedule

EACH = pytest.mark.parametrize("name", NAMES)
SEEDS, SEEDS_PROVED = 12, 2_500


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    with with_toys():
        yield


def test_the_types_are_found_beside_the_product_too() -> None:
    assert list(TYPES) == sorted(NAMES)
    assert TYPES.find_folder("wish") == TOYS / "kiosk/request_types/wish"


@EACH
def test_it_is_what_its_folder_says(name: str) -> None:
    type_ = TYPES[name]
    events = {str(event) for event in type_.table.events}
    states = {str(state) for state in type_.table.states}
    assert type_.name == name
    assert {*type_.resident, *type_.staff} <= events
    for told in (type_.untaken, type_.failing, type_.untimed, type_.loud, type_.put_away):
        assert set(told) <= states
    assert type_.failing <= type_.table.ends
    assert not type_.untaken & type_.table.ends
    for state, event in type_.put_away.items():
        assert event in type_.staff
        assert type_.table.after(state, event) in type_.table.ends


@EACH
def test_whoever_calls_staff_needs_no_disk(name: str) -> None:
    assert not (
        TYPES[name].has_flag(TypeFlag.CALLS_STAFF) and TYPES[name].has_flag(TypeFlag.NEEDS_DISK)
    )


@EACH
def test_the_desk_has_a_mark_for_every_state_and_a_form_for_every_act(name: str) -> None:
    type_, desk = TYPES[name], find_desk(name)
    assert set(desk.marks) == {str(state) for state in type_.table.states}
    assert {form.act for form in desk.forms} == {str(event) for event in type_.staff}
    assert desk.take in type_.staff
    assert find_screens(name) is TYPES.load_part(name, "screens").SCREENS  # type: ignore[union-attr]


@EACH
def test_every_word_that_its_pages_need_is_there_in_both_languages(name: str) -> None:
    type_ = TYPES[name]
    codes = {f"board.family-{name}"}
    codes |= {f"board.state-{name}-{state}" for state in type_.table.states}
    codes |= {f"board.do-{name}-{event}" for event in type_.staff}
    if "cancel" in type_.resident:
        parts = ("cancel-{}", "keep-{}", "confirm-{}", "confirm-{}-what", "say-confirm-{}")
        codes |= {f"kiosk.{part.format(name)}" for part in parts}
    for language in LANGUAGES:
        assert {code for code in codes if code not in CATALOGUES[language]} == set()
        assert set(load_script(name, language).say) >= {str(one) for one in type_.table.states}


@EACH
def test_both_languages_say_the_same(name: str) -> None:
    zh, en = (load_script(name, language) for language in LANGUAGES)
    assert zh.clip.keys() == en.clip.keys()
    assert (zh.say, zh.ready) == (en.say, en.ready)


def test_the_toy_has_the_same_texts_in_both_languages() -> None:
    paths = [TOYS / "gateway/texts" / f"{language}.toml" for language in LANGUAGES]
    zh, en = (tomllib.loads(path.read_text("utf-8")) for path in paths)
    assert {part: set(texts) for part, texts in zh.items()} == {
        part: set(texts) for part, texts in en.items()
    }


def test_the_rules_and_the_options_of_the_toy_are_used() -> None:
    made = Schedule("wish", 0)
    made.settings.services["wish"] = TYPES["wish"].options(remind_after_s=60)  # type: ignore[call-arg]
    made._press()
    for after_s, turns in ((59, []), (2, ["overdue"]), (90_000, [])):
        made.at_s += after_s
        outcome = made.engine.tick(made.now)
        assert [turn.act for turn in outcome.turns] == turns
        assert [type(one) for one in outcome.effects] == [RingEffect] * len(turns)


def broken(name: str, seeds: range) -> dict[int, str]:
    """The seeds whose schedules came to harm, and to which."""
    found = {}
    for seed in seeds:
        try:
            Schedule(name, seed).play()
        except AssertionError as error:
            found[seed] = str(error)
    return found


@EACH
def test_no_schedule_of_presses_acts_time_and_restarts_breaks_it(name: str) -> None:
    assert broken(name, range(SEEDS)) == {}


@pytest.mark.proof
@EACH
def test_no_schedule_of_thousands_breaks_it(name: str) -> None:
    assert broken(name, range(SEEDS_PROVED)) == {}


def test_a_change_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: RequestRepository, request: Request) -> None:
        self.requests[request.id] = request

    monkeypatch.setattr(RequestRepository, "_put", put)
    assert broken("wish", range(SEEDS))


def test_an_act_that_does_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestRules, "apply_action", lambda *_: None)
    assert broken("wish", range(SEEDS))

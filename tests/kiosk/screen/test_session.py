"""The way through the pages: pure; every press of every screen, and nothing personal left."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.texts import catalogue
from kiosk.requests.options import KioskOptions, KioskPanel, WeeklyNotice
from kiosk.screen.model import PanelLayout, panel_scale, relative_size
from kiosk.screen.session import (
    IDLE_S,
    PRIVATE_S,
    STILL_S,
    ActOnRequest,
    FindRequest,
    KioskSession,
    RepeatPrompt,
    SubmitRequest,
    group_digits,
    handle_press,
    is_contact,
    parse_contact,
)
from tests.kiosk.requests.harness import limit
from tests.kiosk.screen.harness import House
from tests.sim.loop import run


def went(*presses: str) -> tuple[KioskSession, object]:
    session, do = KioskSession(), None
    for press in presses:
        session, do = handle_press(session, press)
    return session, do


def test_a_repair_is_four_presses_and_a_number_is_sealed_with_it():
    session, do = went("begin:repair", "what:water", "where:b3", "digit:5", "digit:6", "done")
    assert do == SubmitRequest("repair", "water", "b3", None)  # two digits are nobody's
    _, do = went("begin:repair", "what:water", "where:", *(f"digit:{d}" for d in "5678"), "done")
    assert isinstance(do, SubmitRequest)
    assert (do.where, do.contact) == (None, parse_contact("5678"))
    assert session.digits == "56"


def test_danger_is_a_person_at_once():
    assert went("begin:repair", "danger:gas")[1] == SubmitRequest("repair", "gas")


def test_nothing_is_cancelled_without_being_asked_about():
    session, do = went("show:ride-1", "confirm")
    assert (session.page, session.request, do) == ("confirm", "ride-1", None)
    assert went("show:ride-1", "confirm", "keep")[0].page == "request"
    assert isinstance(went("show:ride-1", "confirm", "cancel")[1], ActOnRequest)


def test_back_leads_one_page_back_and_forgets_the_digits():
    session, _ = went("begin:repair", "what:water", "where:b3", "digit:1", "back")
    assert (session.page, session.digits, session.what) == ("where", "", "water")
    assert went("begin:repair", "check", "digit:4", "find")[1] == FindRequest("4")
    assert went("nonsense")[1] == RepeatPrompt()


@pytest.mark.parametrize(
    ("digits", "good"),
    [("", False), ("123", False), ("5678", True), ("13812345678", True), ("138123456", False),
     ("64700000", True), ("12345678901", False), ("01064700000", True)],
)  # fmt: skip
def test_which_digits_can_be_somebodys(digits: str, *, good: bool):
    assert is_contact(digits) is good
    assert (parse_contact(digits) is not None) is good


def test_a_number_is_read_as_it_is_said():
    assert group_digits("13820467") == "138 2046 7"
    assert group_digits("64700000") == "64700000"


def test_a_panel_is_drawn_in_its_millimetres():
    usual = KioskPanel()
    assert panel_scale(usual) == ("tall", pytest.approx(4.03, abs=0.01))
    assert relative_size(usual) == pytest.approx(1.0, abs=0.01)
    lying = KioskPanel(px=(1920, 1080))
    assert panel_scale(lying)[0] == "wide"
    small = KioskPanel(inch=15.6)
    assert relative_size(small) == pytest.approx(0.725, abs=0.01)
    assert relative_size(KioskPanel(view_mm=1200)) == pytest.approx(0.5, abs=0.01)


@given(st.text("一二三abc 0123456789", max_size=30), st.floats(60, 240))
def test_what_is_said_to_fit_fits(words: str, room_mm: float):
    sheet = PanelLayout()
    name = sheet.fit(words, room_mm)
    ems = sum(1.0 if ord(s) > 0x2E80 else 0.6 for s in words)
    assert name == "x1" or ems * sheet.size_mm(name) <= room_mm


def test_what_is_next_is_of_that_day_and_still_to_come():
    options = KioskOptions(
        zone="hall",
        today=(
            WeeklyNotice(at="16:00", what="收旧衣"),
            WeeklyNotice(at="14:30", what="量血压", on=("mon",)),
            WeeklyNotice(at="09:00", what="理发"),
        ),
    )
    assert [one.what for one in options.upcoming_notices("14:05", 0)] == ["量血压", "收旧衣"]
    assert [one.what for one in options.upcoming_notices("14:05", 1)] == ["收旧衣"]


def test_both_languages_name_every_state_of_every_family():
    from tests.kiosk.screen.harness import STATES  # noqa: PLC0415  # beside its use

    for language in ("zh", "en"):
        texts = catalogue(language)
        assert [state for family, state in STATES if f"kiosk.{family}-{state}" not in texts] == []


def kiosk(test):
    """Run that against a simulated station with one kiosk."""

    async def running():
        made = await House((1080, 1920), "zh").start()
        try:
            await test(made)
        finally:
            await made.die()

    run(running())


def test_ten_presses_at_once_are_one_ride():
    async def test(made: House) -> None:
        name = made.terminal.current_screen().name
        await asyncio.gather(*(made.terminal.handle_press(name, "open:ride") for _ in range(10)))
        rides = [one for one in made.room.all_requests() if one.family == "ride"]
        assert len(rides) == 1
        assert made.terminal.current_screen().name in ("ride-asking", "ride-searching")

    kiosk(test)


def test_a_press_on_a_screen_that_has_gone_is_none():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "begin:repair")
        await made.terminal.handle_press("home", "open:ride")
        await made.terminal.handle_press("what", "cancel")
        assert made.room.all_requests() == []
        assert made.terminal.current_screen().name == "what"

    kiosk(test)


async def alone(made: House, seconds: float) -> None:
    """Nobody touches it for so long; time passes as it does in the station."""
    for _ in range(round(seconds)):
        await asyncio.sleep(1)
        made.terminal.tick()


def test_who_waits_may_say_by_what_the_driver_knows_them():
    async def test(made: House) -> None:
        made.road.mood = "searching"
        await made.terminal.handle_press("home", "open:ride")
        await asyncio.sleep(1)
        assert made.terminal.current_screen().name == "ride-searching"
        for press in ("whom:ride", *(f"digit:{d}" for d in "5678"), "done"):
            await made.terminal.handle_press(made.terminal.current_screen().name, press)
        (ride,) = made.room.all_requests()
        assert (ride.masked, made.people.kept[ride.person]) == ("****5678", parse_contact("5678"))
        screen = made.terminal.current_screen()
        assert (screen.name, screen.find_key("whom:ride")) == ("ride-searching", None)
        await asyncio.sleep(6)
        asked = [question for _, question in made.road.asked]
        assert "contact" not in asked[0], "the press waited for nobody's number"
        assert asked[-1]["contact"] == {"last4": "5678"}

    kiosk(test)


def test_a_key_on_the_wall_begins_its_service_and_chooses_nothing_on_a_screen():
    async def test(made: House) -> None:
        assert (await made.terminal.handle_wall_key(2)).name == "what"
        said = len(made.heard.captions)
        assert (await made.terminal.handle_wall_key(2)).name == "what", (
            "plate 2 is somebody in a lift"
        )
        await asyncio.sleep(0.1)
        assert len(made.heard.captions) == said + 2
        await made.terminal.handle_press("what", "what:water")
        assert (await made.terminal.handle_wall_key(2)).name == "where"
        await made.terminal.handle_press("where", "back")
        await made.terminal.handle_press("what", "home")
        await made.terminal.handle_press("home", "open:ride")
        assert (await made.terminal.handle_wall_key(2)).name == "what", (
            "the car is looked for all the same"
        )
        assert [one.family for one in made.room.all_requests()] == ["ride"]
        assert (await made.terminal.handle_wall_key(4)).name == "call-ringing", (
            "4 would have been 不叫了"
        )
        assert [one.ended for one in made.room.all_requests()] == [False, False]

    kiosk(test)


def test_a_card_is_kept_for_the_next_press_and_no_longer_than_a_minute():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "card:0412345678")
        screen = made.terminal.current_screen()
        assert screen.name == "home-card"
        assert "尾号 78" in screen.lines[0].text
        assert "0412345678" not in repr(screen)
        await alone(made, PRIVATE_S + STILL_S + 2)
        assert made.terminal.current_screen().name == "home"
        assert made.terminal._session.card == ""
        await made.terminal.handle_press("home", "card:0412345678")
        await made.terminal.handle_press("home-card", "open:ride")
        (ride,) = made.room.all_requests()
        assert (ride.masked, made.terminal._session.card) == ("****78", "")
        assert made.road.asked[0][1]["contact"] == {"card": "0412345678"}

    kiosk(test)


def test_a_card_serves_where_a_number_is_asked_for_and_nowhere_by_chance():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "card:12!")
        assert made.terminal.current_screen().name == "home"
        for press in ("begin:repair", "card:0412345678", "what:water", "where:hall"):
            await made.terminal.handle_press(made.terminal.current_screen().name, press)
        assert made.terminal.current_screen().name == "phone"
        await made.terminal.handle_press("phone", "card:0412345678")
        (fix,) = made.room.all_requests()
        assert (fix.masked, fix.state) == ("****78", "reported")
        await made.terminal.handle_press(made.terminal.current_screen().name, "home")
        await made.terminal.handle_press("home", "open:ride")
        await asyncio.sleep(1)
        await made.terminal.handle_press(made.terminal.current_screen().name, "card:99999")
        await made.terminal.handle_press(
            made.terminal.current_screen().name, "card:88888"
        )  # once is enough
        assert made.room.all_requests()[-1].masked == "****99"
        assert made.terminal.current_screen().name == "ride-searching"

    kiosk(test)


def test_a_screen_left_alone_asks_and_then_forgets():
    async def test(made: House) -> None:
        for press in ("begin:repair", "what:water", "where:hall", "digit:1", "digit:3"):
            await made.terminal.handle_press(made.terminal.current_screen().name, press)
        await alone(made, PRIVATE_S + 1)
        assert made.terminal.current_screen().name == "still"
        assert made.heard.captions[-1] == made.terminal.current_screen().caption
        await made.terminal.handle_press("still", "stay")
        assert made.terminal.current_screen().name == "phone"
        await alone(made, PRIVATE_S + STILL_S + 2)
        assert made.terminal.current_screen().name == "home"
        assert "13" not in repr(made.terminal._session.digits)

    kiosk(test)


def test_who_waits_for_a_car_is_never_sent_away():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "open:ride")
        await asyncio.sleep(1)
        made.driven(made.room.all_requests()[0], "searching")
        await alone(made, IDLE_S + STILL_S + 10)
        assert made.terminal.current_screen().name == "ride-searching"
        await made.terminal.handle_press("ride-searching", "home")
        assert made.terminal.current_screen().name == "home"
        await alone(made, IDLE_S + 2)
        assert made.terminal.current_screen().name == "ride-searching"

    kiosk(test)


def test_a_language_is_spoken_as_long_as_somebody_is_there():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "options")
        await made.terminal.handle_press("options", "language:en")
        await made.terminal.handle_press("options", "home")
        await made.terminal.handle_press("home", "open:staff")
        await asyncio.sleep(0.5)
        assert made.speaker.captions[-1].isascii()
        assert made.terminal.current_screen().caption == made.speaker.captions[-1]
        request = made.room.all_requests()[0]
        made.put(request, "done")
        await alone(made, IDLE_S + 2)
        assert made.terminal.current_screen().language == "zh"
        assert made.room.languages == {}

    kiosk(test)


def test_a_key_on_the_wall_leads_to_its_page_and_a_press_by_it_is_shown():
    async def test(made: House) -> None:
        await made.terminal.handle_wall_key(2)
        assert made.terminal.current_screen().name == "what"
        await made.press("staff")
        assert made.terminal.current_screen().name == "call-ringing"

    kiosk(test)


def test_an_order_is_found_by_its_number_and_judged_by_a_face():
    async def test(made: House) -> None:
        order = await made.press("repair", what="water")
        made.put(order, "done")
        await made.terminal.handle_press(made.terminal.current_screen().name, "home")
        way = ["begin:repair", "check", *(f"digit:{d}" for d in order.number), "find", "face:bad"]
        for press in way:
            await made.terminal.handle_press(made.terminal.current_screen().name, press)
        assert made.of(order).state == "revisit"
        assert made.of(order).rating == "bad"

    kiosk(test)


def test_with_no_road_open_it_is_said_before_the_press_and_a_press_says_it_aloud():
    async def test(made: House) -> None:
        made.road.open = False
        screen = made.terminal.current_screen()
        assert screen.name == "home-cut"
        ride = screen.find_numbered_key("1")
        assert ride is not None
        assert ride.off
        await made.terminal.handle_press("home-cut", ride.press)
        await asyncio.sleep(0)
        assert made.heard.captions == [screen.caption]
        assert made.room.all_requests() == []

    kiosk(test)


def test_what_can_no_longer_be_cancelled_shows_what_has_become_of_it():
    async def test(made: House) -> None:
        await made.terminal.handle_press("home", "open:ride")
        await made.terminal.handle_press(made.terminal.current_screen().name, "confirm")
        made.driven(made.room.all_requests()[0], "boarded")
        await made.terminal.handle_press("confirm-ride", "cancel")
        assert made.terminal.current_screen().name == "ride-boarded"

    kiosk(test)


def test_when_there_are_too_many_requests_it_says_so_in_words(monkeypatch):
    async def test(made: House) -> None:
        limit(monkeypatch, "ride", 0)
        await made.terminal.handle_press("home", "open:ride")
        screen = made.terminal.current_screen()
        assert screen.name == "sorry"
        assert screen.lines[0].text == catalogue("zh")["kiosk.sorry-why"]

    kiosk(test)


def test_ways_through_the_pages_never_end_in_nothing():
    """Any press of any screen: no error, every screen with a caption, one number once."""

    @settings(max_examples=15)
    @given(st.integers(0, 2**32))
    def walk(seed: int) -> None:
        chance = random.Random(seed)

        async def test(made: House) -> None:
            for _ in range(40):
                screen = made.terminal.current_screen()
                keys = [*screen.keys, *screen.foot]
                numbers = [key.number for key in keys if key.number]
                assert screen.caption
                assert screen.name != "sorry"
                assert len(set(numbers)) == len(numbers) or screen.pad
                await made.terminal.handle_press(screen.name, chance.choice(keys).press)
                await asyncio.sleep(chance.choice((0, 2, 40)))
                made.terminal.tick()

        kiosk(test)

    walk()

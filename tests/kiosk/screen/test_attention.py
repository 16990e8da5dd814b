"""Whose page it is: who waits and who comes beside, what takes the screen, what is never lost."""

import asyncio

import msgspec
import pytest

from gateway.audit import Actor
from kiosk.request_types.call.rules import ASK_S, LAPSE_S
from kiosk.request_types.ride.dispatch import RideStatus
from kiosk.request_types.ride.type import TYPE as RIDE
from kiosk.requests.request import Car, Request, RequestAction
from kiosk.screen.controller import SEEN_MAX
from kiosk.screen.model import ScreenModel, ScreenRow
from kiosk.screen.session import IDLE_S
from tests.kiosk.requests.harness import told
from tests.kiosk.screen.harness import CAR, House
from tests.kiosk.screen.test_session import alone, kiosk

STAFF = Actor("staff", "0217")
OTHER = Car("京AD81906", "白色", "", 7)


async def presses(made: House, *keys: str) -> ScreenModel:
    for key in keys:
        await made.terminal.handle_press(made.terminal.current_screen().name, key)
    return made.terminal.current_screen()


async def moves(made: House, request: Request, act: str, car: Car | None = None) -> None:
    """Staff do that with a ride; the terminal hears of it."""
    await made.room.apply_action(request.id, RequestAction(act=act, car=car), STAFF)


def rides(made: House) -> list[Request]:
    return [one for one in made.room.all_requests() if one.family == "ride"]


def words(screen: ScreenModel) -> str:
    rows = (f"{row.text} {row.end}" for line in screen.lines for row in line.rows)
    return " ".join((*(line.text for line in screen.lines), *rows))


def test_the_key_for_a_person_waits_for_no_disk_that_holds_up_another_press():
    async def test(made: House) -> None:
        made.take_for_a_commit(6.0)
        riding = asyncio.create_task(made.terminal.handle_press("home", "open:ride"))
        await asyncio.sleep(0.5)
        began_s = asyncio.get_running_loop().time()
        screen = await made.terminal.handle_press("home", "open:staff")
        await asyncio.sleep(0)
        assert [at_s - began_s < 0.1 for at_s, to, _ in made.desk.rung if to == "desk"] == [True]
        assert screen.name == "call-ringing"
        await riding
        assert made.terminal.current_screen().name == "call-ringing", (
            "it is who came later that is seen to"
        )
        assert [one.family for one in made.room.all_requests()] == ["ride", "call"]

    kiosk(test)


def test_a_key_on_the_wall_that_leads_to_a_person_waits_for_no_disk():
    async def test(made: House) -> None:
        made.take_for_a_commit(6.0)
        riding = asyncio.create_task(made.terminal.handle_press("home", "open:ride"))
        await asyncio.sleep(0.5)
        began_s = asyncio.get_running_loop().time()
        await made.terminal.handle_wall_key(4)
        await asyncio.sleep(0)
        assert made.desk.rung[0][0] - began_s < 0.1
        await riding

    kiosk(test)


def test_ten_presses_of_the_key_for_a_person_are_one_call_said_once():
    async def test(made: House) -> None:
        await asyncio.gather(*(made.terminal.handle_press("home", "open:staff") for _ in range(10)))
        await asyncio.sleep(1)
        assert [one.family for one in made.room.all_requests()] == ["call"]
        assert len(made.speaker.captions) + len(made.heard.captions) == 1

    kiosk(test)


def test_a_neighbour_calls_a_car_of_their_own_beside_one_that_is_on_its_way():
    async def test(made: House) -> None:
        await presses(made, "open:ride")
        await asyncio.sleep(2)
        (first,) = rides(made)
        await moves(made, first, "assign", CAR)
        screen = await presses(made, "home")
        assert "京B T3642" in words(screen)
        assert screen.find_numbered_key("1").word == "叫车"
        screen = await presses(made, "whose:ride")
        assert screen.name == "whose"
        assert [key.press for key in screen.keys] == [f"show:{first.id}", "another:ride"]
        screen = await presses(made, "another:ride")
        assert len(rides(made)) == 2
        assert screen.name.startswith("ride-")
        assert screen.beside == ScreenRow("在路上", "京B T3642")
        await asyncio.sleep(2)
        second = rides(made)[1]
        assert made.of(second).ride_id in made.road.live
        await moves(made, second, "assign", OTHER)
        screen = await presses(made, "home", "whose:ride")
        assert [key.word for key in screen.keys] == ["京A D81906", "京B T3642", "没有，我要叫车"]
        screen = await presses(made, f"show:{first.id}")
        assert screen.lines[0].text == "京B T3642"

    kiosk(test)


def test_who_gets_in_says_so_and_the_next_one_finds_the_key_that_calls_a_car():
    async def test(made: House) -> None:
        made.road.mood = "searching"
        await presses(made, "open:ride")
        await asyncio.sleep(2)
        (ride,) = rides(made)
        await told(made.room, "platform", ride.ride_id, RideStatus("arrived", CAR))
        assert made.terminal.current_screen().name == "ride-arrived"
        screen = await presses(made, "act:leave")
        assert screen.name == "ride-boarded"
        await asyncio.sleep(5)
        assert made.of(ride).owed == ()
        assert made.road.live == {ride.ride_id}, "the dispatcher is told of nothing: it holds true"
        await told(made.room, "platform", ride.ride_id, RideStatus("arrived", CAR))
        await asyncio.sleep(5)
        assert not any(question["kind"] == "ride.cancel" for _, question in made.road.asked)
        screen = await presses(made, "home")
        assert screen.find_numbered_key("1").press == "open:ride"

    kiosk(test)


def test_a_page_belongs_to_whoever_began_it():
    async def test(made: House) -> None:
        made.road.open = False
        await made.press("ride")
        await asyncio.sleep(1)
        call = made.room.all_requests()[-1]
        assert (call.family, call.quiet) == ("call", True)
        await presses(made, "home", "begin:repair", "what:water", "where:hall", "phone",
                      *(f"digit:{d}" for d in "138"))  # fmt: skip
        await moves(made, call, "answer")
        screen = made.terminal.current_screen()
        assert screen.name == "phone"
        assert made.terminal._session.digits == "138"

    kiosk(test)


def test_a_car_that_comes_while_somebody_types_stands_in_the_head_and_takes_the_first_screen():
    async def test(made: House) -> None:
        ride = await made.press("ride")
        await asyncio.sleep(1)
        await presses(made, "home", "begin:repair", "what:water", "where:hall", "phone", "digit:1")
        await moves(made, ride, "assign", CAR)
        await moves(made, ride, "arrive", CAR)
        screen = made.terminal.current_screen()
        assert (screen.name, screen.beside) == ("phone", ScreenRow("到了", "京B T3642"))
        await presses(made, "back", "back", "back", "home")
        assert "京B T3642 到了" in words(made.terminal.current_screen())
        await moves(made, ride, "assign", OTHER)
        screen = made.terminal.current_screen()
        assert (screen.name, screen.beside) == ("ride-assigned", None)

    kiosk(test)


def test_a_car_takes_the_screen_of_who_has_also_called_a_person():
    async def test(made: House) -> None:
        await presses(made, "open:ride")
        await asyncio.sleep(1)
        screen = await presses(made, "open:staff")
        assert screen.name == "call-ringing"
        await moves(made, rides(made)[0], "assign", CAR)
        screen = made.terminal.current_screen()
        assert screen.name == "ride-assigned"
        assert "工作人员已经知道" in words(screen), "the call stays as a line"
        assert made.terminal.current_screen().find_key("open:staff") is not None

    kiosk(test)


def test_what_came_of_a_ride_stays_for_its_own_time_and_then_as_a_line():
    async def test(made: House) -> None:
        await presses(made, "open:ride")
        await asyncio.sleep(1)
        (ride,) = rides(made)
        await alone(made, IDLE_S + 60)
        assert made.terminal.current_screen().name == "ride-searching"
        await made.room.apply_action(ride.id, RequestAction(act="refuse"), STAFF)
        await alone(made, IDLE_S + 60)
        screen = made.terminal.current_screen()
        assert screen.name == "ride-no-car", "whoever has called somebody for them is on the way"
        assert "工作人员已经知道" in words(screen)
        screen = await presses(made, "home")
        assert "刚才没有叫到车 已经叫人" in words(screen)
        call = next(one for one in made.room.all_requests() if one.linked == ride.id)
        await moves(made, call, "answer")
        assert made.terminal.current_screen().name == "call-answered"

    kiosk(test)


def test_a_good_journey_stands_there_as_long_as_anything_else():
    async def test(made: House) -> None:
        await presses(made, "open:ride")
        await asyncio.sleep(1)
        await alone(made, IDLE_S + 60)
        await moves(made, rides(made)[0], "board", CAR)
        await alone(made, IDLE_S - 10)
        assert made.terminal.current_screen().name == "ride-boarded"
        await alone(made, 20)
        assert made.terminal.current_screen().name == "home"

    kiosk(test)


def test_an_answered_call_asks_on_the_screen_and_leaves_it():
    async def test(made: House) -> None:
        screen = await presses(made, "open:staff")
        await moves(made, made.room.all_requests()[0], "answer")
        assert made.terminal.current_screen().name == "call-answered"
        await presses(made, "home")
        await alone(made, IDLE_S + 5)
        assert made.terminal.current_screen().name == "home", (
            "who has gone home is not fetched back"
        )
        await alone(made, ASK_S)
        screen = made.terminal.current_screen()
        assert screen.name == "call-come"
        assert [key.press for key in screen.keys] == ["act:come", "act:ring"]
        await alone(made, LAPSE_S - ASK_S + IDLE_S)
        assert made.terminal.current_screen().name == "home"

    kiosk(test)


def test_it_counts_from_this_ringing():
    async def test(made: House) -> None:
        await presses(made, "open:staff")
        call = made.room.all_requests()[0]
        await moves(made, call, "answer")
        await asyncio.sleep(ASK_S - 20)
        await presses(made, "open:staff")
        screen = made.terminal.current_screen()
        assert screen.name == "call-ringing"
        assert made.terminal.now - screen.lines[0].start <= 1

    kiosk(test)


def test_nothing_that_means_danger_bears_the_number_of_the_way_in():
    async def test(made: House) -> None:
        screen = await presses(made, "begin:repair")
        numbers = {key.press: key.number for key in screen.keys}
        assert {numbers["danger:gas"], numbers["danger:lift-trapped"]} == {"9", "8"}
        assert screen.find_numbered_key("2").press.startswith("what:")

    kiosk(test)


def test_without_a_network_road_no_network_is_away():
    async def test(made: House) -> None:
        services = made.plan.services
        services["ride"] = msgspec.structs.replace(services["ride"], dispatch=("desk",))
        assert made.terminal.current_screen().name == "home"

    kiosk(test)


@pytest.mark.parametrize("count", [SEEN_MAX * 3])
def test_what_a_screen_remembers_of_requests_is_bounded(count: int):
    async def test(made: House) -> None:
        request = await made.press("repair", what="water")
        for number in range(count):
            made.terminal.on_request_change(msgspec.structs.replace(request, id=f"work-{number}"))
        assert len(made.terminal._seen) <= SEEN_MAX

    kiosk(test)


def test_a_kiosk_calls_a_few_cars_and_then_a_person():
    async def test(made: House) -> None:
        await presses(made, "open:ride")
        for _ in range(20):
            await asyncio.sleep(3)
            await presses(made, "home", "whose:ride", "another:ride")
        assert len([one for one in rides(made) if not one.ended]) == RIDE.kiosk_max
        screen = await presses(made, "home", "whose:ride")
        assert screen.keys[-1].press == "open:staff"
        assert (await presses(made, "open:staff")).name == "call-ringing"

    kiosk(test)

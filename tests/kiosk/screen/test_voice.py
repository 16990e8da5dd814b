"""A few words at the kiosk: optional, ended by one press or by itself, sealed with the repair."""

import asyncio

import pytest

from gateway.audit import Actor
from gateway.texts import catalogue
from kiosk.requests.request import RequestAction
from kiosk.screen.session import (
    PRIVATE_S,
    STILL_S,
    KioskSession,
    PlayRecording,
    StartRecording,
    handle_press,
    reset_session,
)
from tests.kiosk.screen.harness import NOTE, TALL, House
from tests.sim.loop import run

STAFF = Actor("staff", "zhang")
TO_VOICE = ("begin:repair", "what:water", "where:hall")


def kiosk(test, microphone="mic"):
    """Run that with a kiosk in the simulated loop."""

    async def whole() -> None:
        made = await House(TALL, "zh", microphone).start()
        try:
            await test(made)
        finally:
            await made.die()

    run(whole())


async def pressed(made: House, *presses: str) -> str:
    for press in presses:
        await made.terminal.handle_press(made.terminal.current_screen().name, press)
    return made.terminal.current_screen().name


async def becomes(made: House, name: str) -> None:
    async with asyncio.timeout(5):
        while made.terminal.current_screen().name != name:  # noqa: ASYNC110  # it has no event of its own
            await asyncio.sleep(0.05)


def test_the_step_lies_between_where_and_whom_only_where_something_hears():
    deaf, hears = KioskSession(), KioskSession(hears=True)
    for press in TO_VOICE:
        (deaf, _), (hears, _) = handle_press(deaf, press), handle_press(hears, press)
    assert (deaf.page, hears.page) == ("phone", "voice")
    assert handle_press(hears, "phone")[0].page == "phone"
    assert handle_press(handle_press(hears, "phone")[0], "back")[0].page == "voice"
    assert handle_press(hears, "back")[0].page == "where"
    assert isinstance(handle_press(hears, "speak")[1], StartRecording)
    assert isinstance(handle_press(hears, "hear")[1], PlayRecording)
    assert reset_session(hears, "zh").hears


def test_one_press_begins_one_ends_and_it_goes_with_the_repair_sealed():
    async def test(made: House) -> None:
        assert await pressed(made, *TO_VOICE) == "voice"
        assert made.ears.opened == 0, "nothing is heard before somebody wants it"
        assert await pressed(made, "speak") == "voice-listen"
        await asyncio.sleep(3)
        assert made.heard.captions[-1] == "请说。"
        await pressed(made, "said")
        await becomes(made, "voice-kept")
        assert await pressed(made, "hear") == "voice-kept"
        assert made.ears.played == [NOTE]
        assert await pressed(made, "phone", "done") == "work-reported"
        (request,) = made.room.all_requests()
        assert made.people.kept[request.voice] == NOTE.small
        assert request.voice_s == round(NOTE.seconds)
        assert "附了留言" in made.terminal.current_screen().lines[1].text
        await made.room.apply_action(request.id, RequestAction(act="cancel"), STAFF)
        made.room.engine.repository.remove_request(made.of(request))
        made.room._take(made.room.engine.repository.drain_outcome())
        await asyncio.sleep(1)
        assert made.people.kept == {}, "it is erased with what it was about"

    kiosk(test)


def test_silence_and_half_a_minute_end_it_too_and_nothing_is_said_into_the_microphone():
    async def test(made: House) -> None:
        await pressed(made, *TO_VOICE, "speak")
        said = len(made.heard.captions)
        assert await pressed(made, "again") == "voice-listen"
        assert len(made.heard.captions) == said
        made.ears.ends.set()
        await becomes(made, "voice-kept")
        await asyncio.sleep(0.1)
        assert made.heard.captions[-1] == made.terminal.current_screen().caption

    kiosk(test)


@pytest.mark.parametrize("way", [("unsay",), ("back",), ("back", "back", "home"), ("speak",)])
def test_what_is_not_wanted_is_gone_at_once(way: tuple[str, ...]):
    async def test(made: House) -> None:
        await pressed(made, *TO_VOICE, "speak", "said")
        await becomes(made, "voice-kept")
        await pressed(made, *way)
        assert made.terminal._dictation.note is None
        assert made.terminal._session.voice == ("listen" if way == ("speak",) else "")

    kiosk(test)


def test_who_walks_away_leaves_no_voice_and_an_open_microphone_hears_no_next_one():
    async def test(made: House) -> None:
        await pressed(made, *TO_VOICE, "speak", "said")
        await becomes(made, "voice-kept")
        for _ in range(round(PRIVATE_S + STILL_S + 3)):
            await asyncio.sleep(1)
            made.terminal.tick()
            made.terminal.current_screen()
        assert made.terminal.current_screen().name == "home"
        assert made.terminal._dictation.note is None
        await pressed(made, *TO_VOICE, "speak")
        assert await pressed(made, "open:staff") == "call-ringing"
        made.ears.ends.set()
        await asyncio.sleep(1)
        assert made.terminal.current_screen().name == "call-ringing"
        assert made.terminal._dictation.note is None

    kiosk(test)


def test_without_a_sound_or_without_a_microphone_the_repair_goes_on():
    async def test(made: House) -> None:
        made.ears.note = None
        await pressed(made, *TO_VOICE, "speak", "said")
        await becomes(made, "voice-nothing")
        made.ears.broken = True
        await pressed(made, "back")
        await pressed(made, "where:hall", "speak")
        await becomes(made, "voice-broken")
        assert await pressed(made, "phone", "done") == "work-reported"
        assert made.room.all_requests()[0].voice_s == 0

    kiosk(test)


def test_a_voice_that_cannot_be_kept_is_said_not_hidden():
    async def test(made: House) -> None:
        made.people.full = True
        await pressed(made, *TO_VOICE, "speak", "said")
        await becomes(made, "voice-kept")
        assert await pressed(made, "phone", "done") == "work-reported"
        assert "留言没存下" in made.terminal.current_screen().lines[1].text
        assert (made.room.all_requests()[0].voice, made.room.all_requests()[0].voice_s > 0) == (
            "",
            True,
        )

    kiosk(test)


def test_a_kiosk_without_a_microphone_never_shows_the_step():
    async def test(made: House) -> None:
        assert await pressed(made, *TO_VOICE) == "phone"
        assert made.ears.opened == 0
        texts = [line.text for line in made.terminal.current_screen().lines]
        assert catalogue("zh")["kiosk.phone-none-mute"] in texts

    kiosk(test, None)

"""Nobody takes the alarm: whoever is on duty is called in the hall, by real packets."""

import asyncio

import pytest

from tests.broadcast.chain.end_to_end import CONTACTS, Street, stage, told_ns

pytestmark = [pytest.mark.proof, pytest.mark.slow]

SERVICE, EMERGENCY = 4, 8
AFTER_S = 2


class Untaken(Street):
    """With a roster that reaches into the hall after two seconds."""

    def write_settings(self, *, quiet: bool) -> None:
        super().write_settings(quiet=quiet)
        file = self.folder / "station.toml"
        roster = 'roster = [{ who = "duty", at = "00:00-24:00", by = ["desk"] }]'
        hall = roster.replace('["desk"]', '["desk", "hall"]')
        text = file.read_text("utf-8")
        assert roster in text
        step = f'\nescalate = [{{ after_s = {AFTER_S}, to = "duty" }}]'
        file.write_text(text.replace(roster, hall + step), "utf-8")


async def test_the_hall_is_called_once_and_it_is_on_record_with_the_platform_away(
    tmp_path,
) -> None:
    async with Untaken(tmp_path).playing() as street:
        await street.open(quiet=True)
        await street.platform.stop()
        frame = await street.close_contact("smoke")
        horn = await street.ears["horn-b3"].first(EMERGENCY, frame)
        hall = await street.ears["hall"].first(SERVICE, frame)
        await asyncio.sleep(1)
        (called,) = await street.events("emergency", "alarm.escalated")
        (did,) = [
            each
            for each in await street.events("service", "alarm.action")
            if each["data"]["does"] == "ring"
        ]
        print("\nsmoke that nobody takes, after the frame that told of it:")
        stage("first packet at the horn", frame, horn.at_ns)
        stage(f"called, {AFTER_S} s after the alarm", frame, told_ns(called))
        stage("first packet in the hall", frame, hall.at_ns)
        assert called["data"]["by"] == ["desk", "hall"]
        assert (did["data"]["state"], did["data"]["what"]) == ("done", "hall")
        assert street.sounded(frame) == {"horn-b3", "hall"}
        ssrcs = {p.data[8:12] for p in street.ears["hall"].since(frame, SERVICE)}
        assert len(ssrcs) == 1, "one call"
        assert (hall.at_ns - told_ns(called)) / 1e9 < 5


async def test_whoever_presses_an_sos_is_answered_in_the_hall_and_by_every_press(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(CONTACTS, "help", (6, "sos", "hall"))  # no rule of the file names it
    async with Untaken(tmp_path).playing() as street:
        await street.open(quiet=True)
        frame = await street.close_contact("help")
        hall = await street.ears["hall"].first(SERVICE, frame)
        stage("\nanswered in the hall, after the frame of the press", frame, hall.at_ns)
        await street.open_contacts("help")
        await asyncio.sleep(5)  # longer than a sentence answers for
        again = await street.close_contact("help")
        await street.ears["hall"].first(SERVICE, again)
        (raised, *_) = await street.events("emergency", "alarm.raised")
        did = [
            each["data"]
            for each in await street.events("service", "alarm.action")
            if each["data"]["does"] == "answer"
        ]
        assert raised["data"]["rule"] == "sos"
        assert len(did) >= 2
        assert {(each["state"], each["what"]) for each in did} == {("done", "hall")}
        assert street.sounded(frame) == {"hall"}, "nobody else hears of it"

"""From a contact on the wire to sound at the right horn, on one station, with each stage timed."""

import asyncio
import base64
import math
import subprocess
from array import array
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from broadcast.speakers import sdp
from tests.broadcast.audio_process.harness import WITHIN_S, best_correlation, load
from tests.broadcast.chain.end_to_end import LONG, Street, now_ns, stage, told_ns
from tests.broadcast.clips.sounds import make
from tests.broadcast.orders.test_station import yizhan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

FIRE, EMERGENCY, URGENT, NOTICE = 9, 8, 5, 3
WARNING = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{id}</identifier>
<sender>met@example.cn</sender><sent>2026-11-23T14:05:00+08:00</sent><status>{status}</status>
<msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language>
<category>Met</category><event>暴雨</event><urgency>Immediate</urgency><severity>Severe</severity>
<certainty>Observed</certainty><headline>暴雨红色预警</headline></info></alert>"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="street")
async def _street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("street")).playing() as street:
        await street.open()
        yield street


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _silence(street: Street) -> AsyncIterator[None]:
    """Each story begins and ends in silence, all contacts open."""
    yield
    await street.open_contacts("smoke", "ebike", "fire", "nervous", "notice-key")
    await street.hush()


def rms(samples: Iterable[int]) -> float:
    values = list(samples)
    return math.sqrt(sum(value * value for value in values) / len(values))


def l16(packets: Iterable[bytes]) -> "array[int]":
    sound = array("h", b"".join(packet[12:] for packet in packets))
    sound.byteswap()
    return sound


def at_8k(source: Path, folder: Path) -> "array[int]":
    target = folder / "reference.wav"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), "-ar", "8000"]
    subprocess.run([*command, str(target)], check=True, timeout=WITHIN_S)
    return load(target)


def alike(source: "array[int]", heard: "array[int]") -> float:
    """How alike the best of three short spans is to the source, wherever in it that lies.

    ffmpeg needs some packets to find out what it hears, and on a busy machine misses others.
    """
    spans = [heard[at : at + 400] for at in (1200, 2400, 3600)]
    return max(best_correlation(source, span, range(-9600, 1)) for span in spans)


async def test_smoke_sounds_in_its_building_and_the_notice_goes_on_afterwards(
    street: Street,
) -> None:
    began = now_ns()
    notice = await street.post("/api/v1/orders", {"zones": ["b3"], "preset": "long"})
    await street.ears["horn-b3"].first(NOTICE, began)
    recorder = street.recorder("horn-b3", EMERGENCY, 1.5)
    await recorder.start()
    frame = await street.close_contact("smoke")
    packet = await street.ears["horn-b3"].first(EMERGENCY, frame)
    heard = await recorder.heard()
    (alarm,) = await street.events("emergency", "alarm.raised")
    (order,) = await street.orders_from("linkage.smoke-b3")
    accepted, playing = [
        await street.told_of(order, "emergency", f"broadcast.{kind}")
        for kind in ("accepted", "playing")
    ]
    print("\nsmoke, after the frame that told of it:")
    stage("alarm raised", frame, told_ns(alarm))
    stage("order accepted", frame, told_ns(accepted))
    stage("its turn, and all is ready", frame, told_ns(playing))
    stage("first packet at the horn", frame, packet.at_ns)
    stage("first sound out of ffmpeg", frame, recorder.first_ns)
    assert street.sounded(frame) == {"horn-b3"}
    assert playing["place"] == "b3-f5"
    siren = at_8k(street.clip(playing["data"]["clips"][0]), street.folder)
    assert alike(siren, heard) > 0.99
    await street.becomes(notice["of"], "interrupted")
    silent = now_ns()
    await street.post(f"/api/v1/orders/{order}/stop", {})
    again = await street.ears["horn-b3"].first(NOTICE, silent)
    stage("notice again after the emergency's end", silent, again.at_ns)
    await street.becomes(notice["of"], "playing")


async def test_an_ebike_speaks_to_its_lift_alone_and_softly(street: Street) -> None:
    frame = await street.close_contact("ebike")
    packets = await street.ears["lift-b3"].so_many(50, URGENT, frame)
    print("\ne-bike, after the frame that told of it:")
    stage("first packet in the lift", frame, packets[0].at_ns)
    assert street.sounded(frame) == {"lift-b3"}
    (order,) = await street.orders_from("linkage.ebike")
    playing = await street.told_of(order, "service", "broadcast.playing")
    assert playing["place"] == "b3-lift"
    source = load(street.clip(playing["data"]["clips"][0]))[:16_000]
    sound = l16(p.data for p in packets)
    share = rms(sound) / rms(source)
    assert share == pytest.approx(10 ** (-10 / 20), rel=0.05)


async def test_a_flapping_sensor_speaks_once(street: Street) -> None:
    began = now_ns()
    for _ in range(5):
        await street.close_contact("nervous")
        await street.polled()
        await street.open_contacts("nervous")
    await street.ears["horn-b5"].so_many(10, EMERGENCY, began)
    (order,) = await street.orders_from("linkage.nervous")
    packets = street.ears["horn-b5"].since(began)
    assert {p.rank for p in packets} == {EMERGENCY}
    assert len({p.data[8:12] for p in packets}) == 1, "one session, begun once"
    await street.becomes(order, "playing")


async def test_the_fire_panel_takes_its_zones_and_gives_them_back(street: Street) -> None:
    smoke = await street.close_contact("smoke")
    await street.ears["horn-b3"].first(EMERGENCY, smoke)
    frame = await street.close_contact("fire")
    forced = await street.ears["horn-b3"].first(FIRE, frame)
    print("\nfire panel, after the frame that told of it:")
    stage("first packet of class 9", frame, forced.at_ns)
    await street.ears["horn-b5"].first(FIRE, frame)
    await street.ears["horn-b3"].so_many(25, FIRE, frame)
    assert street.sounded(frame) == {"horn-b3", "horn-b5"}
    since = forced.at_ns + 100_000_000
    assert {p.rank for p in street.ears["horn-b3"].since(since)} == {FIRE}
    (emergency,) = (await street.orders_from("linkage.smoke-b3"))[-1:]
    await street.becomes(emergency, "interrupted")  # never both at one horn; not ended by it
    answer = await street.post("/api/v1/orders/stop", {})
    assert answer == [], "STOP is for what lies below an emergency"
    released = now_ns()
    await street.open_contacts("fire")
    again, *_ = await street.ears["horn-b3"].so_many(15, EMERGENCY, released)
    assert street.ears["horn-b3"].since(again.at_ns + 100_000_000, FIRE) == []
    await street.becomes(emergency, "playing")


async def test_ten_presses_of_the_key_on_the_wall_are_one_order(street: Street) -> None:
    began = now_ns()
    for press in range(10):
        frame = await street.close_contact("notice-key")
        if press == 0:
            packet = await street.ears["horn-b3"].first(NOTICE, frame)
            print("\nkey on the wall:")
            stage("pressed: the line is asked", began, frame)
            stage("first packet after the frame", frame, packet.at_ns)
            stage("first packet after the press", began, packet.at_ns)
        await street.open_contacts("notice-key")
    await street.ears["horn-b5"].first(NOTICE, began)
    (order,) = await street.orders_from("key.notice")
    assert street.sounded(began) == {"horn-b3", "horn-b5"}
    await street.becomes(order, "playing")


async def test_the_platform_plays_and_stops_on_its_signed_word(street: Street) -> None:
    began = now_ns()
    state, receipt = await street.commanded("broadcast.play", zones=["b5"], text=LONG, repeat=5)
    assert state == "done"
    packet = await street.ears["horn-b5"].first(NOTICE, began)
    state, _ = await street.commanded("broadcast.stop", order=receipt["of"])
    assert state == "done"
    await street.becomes(receipt["of"], "stopped")
    print("\nplatform's notice:")
    stage("first packet after the signature", began, packet.at_ns)
    urgent = now_ns()
    state, receipt = await street.commanded("broadcast.play", zones=["b3"], preset="fire",
                                            **{"class": "emergency"})  # fmt: skip
    assert state == "done"
    packet = await street.ears["horn-b3"].first(EMERGENCY, urgent)
    stage("first packet of its emergency", urgent, packet.at_ns)
    new = now_ns()
    unheard = "三号楼配电间冒烟，请从东门离开，不要坐电梯，到花园集合。"
    state, receipt = await street.commanded("broadcast.play", zones=["b5"], text=unheard,
                                            **{"class": "emergency"})  # fmt: skip
    assert state == "done"
    packet = await street.ears["horn-b5"].first(EMERGENCY, new)
    stage("first packet of one in words never said before", new, packet.at_ns)
    state, why = await street.commanded("broadcast.play", zones=["moon"], text="试试")
    assert (state, why) == ("failed", "broadcast.unknown-zone")


async def test_a_public_warning_sounds_and_a_test_of_one_does_not(street: Street) -> None:
    began = now_ns()
    test = WARNING.format(id="w-1", status="Test")
    assert await street.commanded("broadcast.cap", xml=test, zones=["all"]) == (
        "done",
        {"sounds": False},
    )
    assert street.sounded(began) == set()
    actual = WARNING.format(id="w-2", status="Actual")
    state, receipt = await street.commanded("broadcast.cap", xml=actual, zones=["all"])
    assert state == "done", receipt
    for horn in ("horn-b3", "horn-b5"):
        await street.ears[horn].first(EMERGENCY, began)


async def test_presets_and_schedules_are_changed_on_the_command_line(street: Street) -> None:
    async def order(*words: str) -> tuple[int, str]:
        return await yizhan(street.station, "order", *words)

    assert (await order("preset", "lost-key", "--text", "有人捡到一串钥匙。"))[0] == 0
    schedule = ("--preset", "lost-key", "--zone", "b5", "--cron", "30 8 * * *")
    assert (await order("schedule", "keys", *schedule, "--days", "workdays"))[0] == 0
    assert (await street.get("/api/v1/presets"))["lost-key"]["text"] == "有人捡到一串钥匙。"
    code, said = await order("play", "lost-key", "--zone", "b5", "--wait")
    assert (code, "播完了" in said, "1 个已发出" in said) == (0, True, True), said
    _, listed = await order("schedules")
    assert "30 8 * * *" in listed
    code, said = await order(
        "schedule", "bad", "--preset", "lost-key", "--zone", "b5", "--cron", "x"
    )
    assert code == 1, said
    daily = ("--zone", "b5", "--cron", "0 14 * * *")
    code, said = await order("schedule", "alarm", "--preset", "evacuate", *daily)
    assert (code, "紧急疏散" in said, "定时" in said) == (1, True, True), said
    assert (await order("schedule", "keys", "--remove"))[0] == 0
    assert await street.get("/api/v1/schedules") == {}
    assert (await order("schedule", "keys", "--undo"))[0] == 0
    assert (await street.get("/api/v1/schedules"))["keys"]["days"] == "workdays"


async def test_a_recording_of_the_platform_or_of_a_person_says_its_text(
    street: Street, tmp_path: Path
) -> None:
    spoken = make(tmp_path / "water.opus", seconds=4, source="sine=f=500:b=4", codec="libopus")
    text, sound = "今天下午停水。", base64.b64encode(spoken.read_bytes()).decode()
    state, given = await street.commanded("broadcast.record", text=text, sound=sound)
    assert (state, given["seconds"]) == ("done", pytest.approx(4, abs=0.2))
    state, receipt = await street.commanded("broadcast.play", zones=["b5"], text=text)
    assert state == "done", receipt
    assert await street.ends(receipt["of"]) == "finished"

    async def heard() -> list[str]:
        found = await street.events("service", "broadcast.finished")
        return [
            sha for e in found if e["data"]["order"] == receipt["of"] for sha in e["data"]["clips"]
        ]

    assert given["sha"] in await street.until(heard)
    state, why = await street.commanded("broadcast.record", text=text, sound="AAAA")
    assert (state, why) == ("failed", "upload.unreadable")
    other = make(tmp_path / "other.mp3", seconds=2, source="sine=f=300")
    assert (await yizhan(street.station, "order", "record", text, str(other)))[0] == 0
    code, said = await yizhan(street.station, "order", "record", text, str(tmp_path / "gone"))
    assert (code, "gone" in said) == (1, True), said


async def test_a_receiver_is_told_by_http_where_to_listen(street: Street) -> None:
    shown = {one["id"]: one for one in await street.get("/api/v1/speakers")}
    assert shown.keys() == street.horns.keys()
    for name, one in shown.items():
        assert "code" not in one
        assert one["rung"] == "sent" or not street.ears[name].packets, "never more, never less"
    told = await street.text("/api/v1/speakers/horn-b3.sdp?class=3")
    assert told == sdp.describe_group("horn-b3", street.horns["horn-b3"], NOTICE)
    assert f"m=audio {street.rtp_port}" in await street.text("/api/v1/speakers/horn-b3.sdp")
    wrong = await street.get("/api/v1/speakers/horn-b3.sdp?class=10")
    assert wrong["code"] == "broadcast.unknown-class"


async def test_at_night_only_the_emergency_sounds_and_without_the_platform_too(
    street: Street,
) -> None:
    await street.station.stop()
    await street.open(quiet=True)
    began = now_ns()
    receipt = await street.post("/api/v1/orders", {"zones": ["all"], "preset": "long"})
    assert (receipt["state"], receipt["reason_code"]) == ("refused", "broadcast.quiet")
    await street.close_contact("notice-key")
    await asyncio.sleep(0.5)
    assert street.sounded(began) == set()
    await street.platform.stop()
    frame = await street.close_contact("smoke")
    packet = await street.ears["horn-b3"].first(EMERGENCY, frame)
    print("\nsmoke in quiet hours, platform away, after the frame that told of it:")
    stage("first packet at the horn", frame, packet.at_ns)
    assert street.sounded(began) == {"horn-b3"}

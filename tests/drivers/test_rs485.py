"""The emulated wire in virtual time: characters, silence, collisions, faults."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulate.rs485 import Rs485Line, _Burst
from drivers.emulate.slave import Slave
from drivers.serial_line import SerialLine
from tests.sim.loop import run

LINE = SerialLine(9600)
OTHER = SerialLine(2400, 8, "E", 1)


class Parrot(Slave):
    """Answers a frame that begins with its letter by the frame and an exclamation mark."""

    def __init__(self, letter: bytes, line: SerialLine = LINE, **kwargs) -> None:
        super().__init__(letter.decode(), line, **kwargs)
        self.letter = letter

    def accepts(self, frame: bytes) -> bool:
        return frame[:1] == self.letter

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        return frame + b"!"


class Master:
    """Keeps what arrives, and when."""

    def __init__(self, wire: Rs485Line) -> None:
        self.wire = wire
        self.heard: list[tuple[float, bytes]] = []
        self.unplugged = 0
        self.loop = asyncio.get_running_loop()
        self.began_s = self.loop.time()
        wire.listen(self.hear, self.lose)

    def hear(self, data: bytes) -> None:
        self.heard.append((round(self.loop.time() - self.began_s, 6), data))

    def lose(self) -> None:
        self.unplugged += 1

    async def ask(self, data: bytes, wait_s: float = 1.0, line: SerialLine = LINE) -> bytes:
        before = len(self.heard)
        self.wire.send(data, line)
        await asyncio.sleep(wait_s)
        return b"".join(data for _, data in self.heard[before:])


def on(wire: Rs485Line, story):
    async def main():
        return await story(Master(wire))

    return run(main())


@pytest.mark.parametrize(
    ("text", "char_ms", "silence_ms"),
    [
        ("9600 8N1", 1.0417, 3.646),
        ("9600 8E1", 1.1458, 4.010),
        ("2400 8E1", 4.5833, 16.04),
        ("19200 8N1", 0.5208, 1.823),
        ("38400 8N1", 0.2604, 1.75),
        ("115200 8N2", 0.0955, 1.75),
    ],
)
def test_a_lines_times(text: str, char_ms: float, silence_ms: float) -> None:
    line = SerialLine.parse(text)
    assert str(line) == text
    assert line.char_s * 1000 == pytest.approx(char_ms, rel=1e-3)
    assert line.silence_s * 1000 == pytest.approx(silence_ms, rel=1e-3)


@pytest.mark.parametrize("text", ["", "9600", "9600 8X1", "0 8N1", "9600 9N1", "9600 8N3", "8N1"])
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(ValueError, match=text or "^$"):
        SerialLine.parse(text)


def test_a_reply_arrives_when_its_last_character_has_ended() -> None:
    async def story(master):
        await master.ask(b"a12")
        return master.heard

    # 3 characters out, 10 ms turnaround, 4 characters back
    assert on(Rs485Line([Parrot(b"a")]), story) == [(round(7 * LINE.char_s + 0.01, 6), b"a12!")]


def test_a_fast_slave_still_keeps_the_silence() -> None:
    async def story(master):
        await master.ask(b"a")
        return master.heard[0][0]

    wire = Rs485Line([Parrot(b"a", turnaround_s=0.0)])
    assert on(wire, story) == pytest.approx(3 * LINE.char_s + LINE.silence_s, abs=1e-6)


@given(st.lists(st.floats(0, 0.003), min_size=1, max_size=8))
def test_a_frame_may_come_in_pieces_with_gaps_shorter_than_the_silence(gaps) -> None:
    async def story(master):
        master.wire.send(b"a", LINE)
        for gap in gaps:
            await asyncio.sleep(LINE.char_s + gap)
            master.wire.send(b"b", LINE)
        await asyncio.sleep(1)
        return b"".join(data for _, data in master.heard)

    assert on(Rs485Line([Parrot(b"a")]), story) == b"a" + b"b" * len(gaps) + b"!"


def test_a_gap_as_long_as_the_silence_makes_two_frames() -> None:
    async def story(master):
        master.wire.send(b"a", LINE)
        await asyncio.sleep(LINE.char_s + LINE.silence_s)
        master.wire.send(b"b", LINE)
        await asyncio.sleep(1)

    wire = Rs485Line([Parrot(b"a"), Parrot(b"b")])
    on(wire, story)
    assert wire.counters.frames == 2
    assert wire.counters.collisions == 0


@pytest.mark.parametrize(("share", "violations"), [(0.5, 1), (0.99, 1), (1.0, 0), (1.01, 0)])
def test_silence_too_short_is_counted_and_a_strict_slave_ignores_the_frame(
    share, violations
) -> None:
    async def story(master):
        got = asyncio.Event()
        master.wire.listen(lambda _: got.set())
        master.wire.send(b"a1", LINE)
        await got.wait()
        await asyncio.sleep(share * LINE.silence_s)
        master.wire.listen(master.hear)
        return await master.ask(b"a2")

    wire = Rs485Line([Parrot(b"a")])
    assert on(wire, story) == (b"" if violations else b"a2!")
    assert wire.counters.violations == violations
    assert wire.slaves[0].counters.violations == violations


def test_a_slave_that_is_not_strict_answers_all_the_same() -> None:
    async def story(master):
        await master.ask(b"a", 2 * LINE.char_s + 0.01 + LINE.char_s)  # to the reply's very end
        return await master.ask(b"b")

    wire = Rs485Line([Parrot(b"a"), Parrot(b"b", strict=False)])
    assert on(wire, story) == b"b!"
    assert wire.counters.violations == 1


def test_another_baud_rate_or_format_is_not_understood_but_counted() -> None:
    async def story(master):
        return [
            await master.ask(b"a", line=line)
            for line in (OTHER, SerialLine(2400), SerialLine(9600), OTHER)
        ]

    wire = Rs485Line([Parrot(b"a", OTHER)])
    assert on(wire, story) == [b"a!", b"", b"", b"a!"]
    assert wire.slaves[0].counters.wrong_line == 2


def test_where_only_the_baud_rate_can_be_seen_the_format_does_not_matter() -> None:
    async def story(master):
        return [await master.ask(b"a", line=line) for line in (SerialLine(2400), SerialLine(9600))]

    wire = Rs485Line([Parrot(b"a", OTHER)], sees_format=False)
    assert wire.line_at(2400) == OTHER
    assert wire.line_at(9600) == SerialLine(9600)
    assert on(wire, story) == [b"a!", b""]


def test_two_slaves_at_one_address_collide() -> None:
    async def story(master):
        return await master.ask(b"a12345")

    wire = Rs485Line([Parrot(b"a"), Parrot(b"a", turnaround_s=0.013)])
    heard = on(wire, story)
    assert wire.counters.collisions == 1
    assert len(heard) == 14
    assert heard != b"a12345!a12345!"
    assert heard[:1] == b"a"  # before the second began


def test_a_request_sent_into_a_late_reply_is_garbled_and_so_is_the_reply() -> None:
    async def story(master):
        await master.ask(b"a12345678", 0.052)
        return await master.ask(b"b12345678")

    wire = Rs485Line([Parrot(b"a"), Parrot(b"b")])
    wire.slaves[0].faults.late_s = 0.03
    assert b"b12345678!" not in on(wire, story)
    assert wire.counters.collisions == 1
    assert wire.counters.violations == 0
    assert wire.slaves[1].counters.requests == 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dead", True, []),
        ("loss", 1.0, []),
        ("late_s", 0.25, [(12 + 250, b"a!")]),
        ("split", True, [(11, b"a"), (12, b"!")]),
    ],
)
def test_a_fault_of_a_slave(name, value, expected) -> None:
    fast = SerialLine(10_000, 8, "N", 1)  # one character a millisecond
    wire = Rs485Line([Parrot(b"a", fast, turnaround_s=0.009)])
    setattr(wire.slaves[0].faults, name, value)

    async def story(master):
        await master.ask(b"a", line=fast)
        return [(round(at_s * 1000, 3), data) for at_s, data in master.heard]

    assert on(wire, story) == expected


def test_noise_flips_one_bit_of_the_share_of_bytes_that_it_names() -> None:
    async def story(master):
        return b"".join([await master.ask(b"a" + bytes(99)) for _ in range(100)])

    def heard(seed: int) -> bytes:
        wire = Rs485Line([Parrot(b"a")], seed=seed)
        wire.slaves[0].faults.noise = 0.01
        return on(wire, story)

    clean = (b"a" + bytes(99) + b"!") * 100
    flips = [(x ^ y).bit_count() for x, y in zip(heard(1), clean, strict=True)]
    assert set(flips) == {0, 1}
    assert 50 < sum(flips) < 200
    assert heard(1) == heard(1) != heard(2)


def test_garbage_comes_before_or_after_the_reply() -> None:
    async def story(master):
        return [await master.ask(b"a") for _ in range(50)]

    wire = Rs485Line([Parrot(b"a")])
    wire.slaves[0].faults.garbage = 1.0
    heard = on(wire, story)
    assert all(len(data) > 2 and b"a!" in data for data in heard)
    assert {data.index(b"a!") > 0 for data in heard} == {True, False}


def test_faults_of_the_wire_touch_both_directions_and_can_be_cleared() -> None:
    async def story(master):
        master.wire.faults.noise = 1.0
        first = await master.ask(b"a")
        master.wire.faults.clear()
        return first, await master.ask(b"a")

    wire = Rs485Line([Parrot(b"a")])
    assert on(wire, story) == (b"", b"a!")
    assert wire.counters.unheard == 1


def test_echo_comes_when_the_last_character_is_out() -> None:
    async def story(master):
        await master.ask(b"a")
        return master.heard

    assert on(Rs485Line([Parrot(b"a")], echo=True), story)[0] == (round(LINE.char_s, 6), b"a")


def test_unplugging_loses_what_is_on_the_wire_and_tells_the_master() -> None:
    async def story(master):
        master.wire.send(b"a", LINE)
        await asyncio.sleep(0.005)
        master.wire.unplug()
        lost = await master.ask(b"a")
        master.wire.plug()
        return lost, await master.ask(b"a"), master.unplugged

    assert on(Rs485Line([Parrot(b"a")]), story) == (b"", b"a!", 1)


def test_a_reply_begun_before_the_plug_was_pulled_does_not_arrive_after_its_return() -> None:
    async def story(master):
        master.wire.send(b"a", LINE)
        await asyncio.sleep(0.0115)
        master.wire.unplug()
        master.wire.plug()
        await asyncio.sleep(1)
        return master.heard

    assert on(Rs485Line([Parrot(b"a")]), story) == []


def test_busy_time_is_the_time_that_characters_take() -> None:
    async def story(master):
        for _ in range(10):
            await master.ask(b"a12")

    wire = Rs485Line([Parrot(b"a")])
    on(wire, story)
    assert wire.counters.busy_s == pytest.approx(70 * LINE.char_s)
    assert wire.counters.replies == wire.slaves[0].counters.replies == 10


@given(st.binary(max_size=40), st.lists(st.floats(0, 0.05), max_size=12), st.integers(0, 99))
def test_any_bytes_at_any_time_leave_the_wire_working(data, pauses, seed) -> None:
    async def story(master):
        for at, pause in enumerate(pauses):
            master.wire.send(data[at % (len(data) or 1) :], LINE if at % 3 else OTHER)
            await asyncio.sleep(pause)
        await asyncio.sleep(2)
        return await master.ask(b"z12")

    wire = Rs485Line([Parrot(b"z"), Parrot(b"a", turnaround_s=0.02)], seed=seed)
    wire.slaves[1].faults.late_s = 0.03
    assert on(wire, story) == b"z12!"


@given(st.integers(1, 60), st.integers(1, 60), st.integers(-250, 250))
def test_talkers_garble_exactly_what_sounds_at_the_same_time(ours, theirs, quarters) -> None:
    one = _Burst(10.0, 0.001, bytearray(ours))
    other = _Burst(10.0 + quarters * 0.00025, 0.001, bytearray(theirs))
    both = {
        index
        for index in range(ours)
        if one.char_ends_s(index) > other.start_s + 1e-8
        and one.char_ends_s(index) - one.char_s < other.end_s - 1e-8
    }
    assert set(one.overlap(other)) == both


@pytest.mark.parametrize(
    ("clumsy", "violations"),
    [(False, 0), (True, 500)],
    ids=["a master with manners", "one without"],
)
def test_a_masters_manners_are_counted(clumsy, violations) -> None:
    async def story(master):
        got = asyncio.Event()
        master.wire.listen(lambda _: got.set())
        for _ in range(500):
            got.clear()
            master.wire.send(b"a12345", LINE)
            await asyncio.wait_for(got.wait(), 5)
            await asyncio.sleep(0.0005 if clumsy else LINE.silence_s)

    wire = Rs485Line([Parrot(b"a", strict=False), Parrot(b"b")])
    on(wire, story)
    assert wire.counters.replies == 500
    assert wire.counters.violations == max(0, violations - 1)  # the first had nothing before it

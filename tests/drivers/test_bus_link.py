"""One transaction at a time on a stream: every way in which it can end."""

import asyncio

import pytest

from drivers.bus.link import GAP_MIN_S, StreamLink
from drivers.contract import GarbledReply, LineLost, NoReply
from drivers.family import Transaction
from drivers.modbus import codec
from drivers.serial_line import SerialLine
from tests.drivers.harness import LINE
from tests.sim.loop import simulated

REQUEST = codec.rtu_frame(codec.read_request(1, 3, 0, 2))
REPLY = codec.rtu_frame(bytes.fromhex("01 03 04 00 01 00 02"))
ASKED = Transaction(
    request=REQUEST,
    expect=codec.RtuExpect(codec.ExpectedReply.for_request(REQUEST)),
    decode=lambda _: [],
    reply_bytes=len(REPLY),
)
BROADCAST = Transaction(request=REQUEST, expect=None, decode=lambda _: [])


class Wire:
    """A stream that does as the test says: `plan` is a list of (delay, bytes) a request."""

    def __init__(self, *plan: tuple[float, bytes]) -> None:
        self.plan = plan
        self.sent: list[tuple[float, bytes]] = []
        self.lines: list[SerialLine] = []
        self.closed = False

    async def open(self, receiver) -> "Wire":
        self.receiver = receiver
        return self

    def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), data))
        for delay_s, answer in self.plan:
            loop.call_later(delay_s, self.receiver.on_bytes, answer)

    def set_line(self, line: SerialLine) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True


async def linked(wire: Wire, **more) -> StreamLink:
    link = StreamLink(LINE, **more)
    await link.open(wire.open)
    return link


async def ask(*plan: tuple[float, bytes], timeout_s: float = 1.0, **more):
    """The reply, and how long it took."""
    link = await linked(Wire(*plan), **more)
    began_s = asyncio.get_running_loop().time()
    reply = await link.exchange(ASKED, LINE, timeout_s)
    return reply.frame, asyncio.get_running_loop().time() - began_s


@simulated
async def test_a_reply_in_any_split() -> None:
    for cut in range(1, len(REPLY)):
        frame, took_s = await ask((0.05, REPLY[:cut]), (0.09, REPLY[cut:]))
        assert frame == REPLY
        assert took_s == pytest.approx(0.09 + LINE.silence_s, abs=0.001)


@simulated
async def test_a_reply_that_is_coming_in_when_the_time_is_over_is_heard_out() -> None:
    frame, _ = await ask((0.98, REPLY[:4]), (1.06, REPLY[4:7]), (1.14, REPLY[7:]))
    assert frame == REPLY


@simulated
async def test_nothing_heard() -> None:
    with pytest.raises(NoReply):
        await ask()


@simulated
async def test_half_a_reply() -> None:
    with pytest.raises(GarbledReply):
        await ask((0.05, REPLY[:5]))


@simulated
async def test_a_spoilt_reply_does_not_cost_the_whole_time_out() -> None:
    link = await linked(Wire((0.05, b"\xff" + REPLY[1:])))
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(GarbledReply):
        await link.exchange(ASKED, LINE, 0.4)
    assert asyncio.get_running_loop().time() - began_s < 0.3


@simulated
async def test_a_false_start_does_not_hide_the_reply_behind_it() -> None:
    # 01 03 04 begins a frame that is never finished; the true one starts within it.
    frame, _ = await ask((0.05, b"\x01\x03\x04" + REPLY))
    assert frame == REPLY


@simulated
async def test_somebody_who_never_stops_talking() -> None:
    with pytest.raises(GarbledReply) as caught:
        await ask(*((n * 0.01, bytes(20)) for n in range(1, 40)))
    assert caught.value.code == "bus.too-much"


@simulated
async def test_a_line_that_never_rests_is_not_spoken_on() -> None:
    wire = Wire()
    link = await linked(wire)
    loop = asyncio.get_running_loop()
    for n in range(2000):
        loop.call_later(n * 0.001, link.on_bytes, b"x")
    with pytest.raises(GarbledReply) as caught:
        await link.exchange(ASKED, LINE, 0.5)
    assert caught.value.code == "bus.never-silent"
    assert wire.sent == []


@simulated
async def test_silence_is_kept_after_whatever_was_heard_last() -> None:
    wire = Wire((0.05, REPLY))
    link = await linked(wire)
    await link.exchange(ASKED, LINE, 1.0)
    heard_s = asyncio.get_running_loop().time()
    asyncio.get_running_loop().call_later(0.002, link.on_bytes, b"\x55")
    await link.exchange(ASKED, LINE, 1.0)
    assert wire.sent[1][0] == pytest.approx(heard_s + 0.002 + LINE.silence_s)
    assert (link.counters.silence_kept, link.counters.silence_broken) == (2, 0)


@simulated
async def test_a_broadcast_waits_for_nobody_but_gives_everybody_time() -> None:
    link = await linked(Wire())
    began_s = asyncio.get_running_loop().time()
    reply = await link.exchange(BROADCAST, LINE, 1.0)
    took_s = asyncio.get_running_loop().time() - began_s
    assert reply.frame == b""
    assert took_s == pytest.approx(LINE.silence_s + len(REQUEST) * LINE.char_s + 0.1, abs=0.001)


@simulated
async def test_an_echo_is_taken_off_even_where_it_looks_like_the_reply() -> None:
    body = codec.write_register(1, 7, b"\0\x05")
    write = Transaction(
        request=codec.rtu_frame(body),
        expect=codec.RtuExpect(codec.ExpectedReply.for_request(body)),
        decode=lambda _: [],
        reply_bytes=8,
    )
    link = await linked(Wire((0.01, codec.rtu_frame(body))), echo=True)
    with pytest.raises(NoReply):  # only the echo came
        await link.exchange(write, LINE, 0.3)
    link = await linked(
        Wire((0.01, codec.rtu_frame(body)), (0.05, codec.rtu_frame(body))), echo=True
    )
    assert (await link.exchange(write, LINE, 0.3)).frame == codec.rtu_frame(body)


@simulated
async def test_somebody_elses_late_reply_is_set_aside() -> None:
    theirs = codec.rtu_frame(bytes.fromhex("02 03 04 00 09 00 09"))
    frame, _ = await ask((0.02, theirs), (0.5, REPLY), tap=lambda heard: heard.replace(theirs, b""))
    assert frame == REPLY
    with pytest.raises(GarbledReply):  # unrecognised, it passes for a spoilt reply
        await ask((0.02, theirs), (0.9, REPLY))


@simulated
async def test_the_line_is_set_only_when_it_changes() -> None:
    wire = Wire((0.05, REPLY))
    link = await linked(wire)
    slow = SerialLine.parse("2400 8E1")
    for line in (LINE, slow, slow, LINE):
        await link.exchange(ASKED, line, 1.0)
    assert wire.lines == [LINE, slow, LINE]
    assert link.counters.line_changes == 2


@simulated
async def test_a_lost_line_ends_the_transaction_and_every_later_one() -> None:
    wire = Wire()
    link = await linked(wire)
    gone = LineLost("bus.line-lost", port="x")
    asyncio.get_running_loop().call_later(0.1, link.on_lost, gone)
    with pytest.raises(LineLost):
        await link.exchange(ASKED, LINE, 1.0)
    with pytest.raises(LineLost):
        await link.exchange(ASKED, LINE, 1.0)
    with pytest.raises(LineLost):
        await link.settle(1.0)
    link.close()
    link.close()
    assert wire.closed


@simulated
async def test_what_comes_when_nobody_has_asked_is_counted_and_forgotten() -> None:
    link = await linked(Wire((0.05, REPLY)))
    link.on_bytes(REPLY)
    await link.settle(1.0)
    assert link.counters.stray_bytes == len(REPLY)
    assert (await link.exchange(ASKED, LINE, 1.0)).rtt_s > 0.03
    assert GAP_MIN_S < 1.0

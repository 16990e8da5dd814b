"""Whatever a line says to the Modbus codec: nothing raises but a fault, nothing false is taken."""

import contextlib
import os
import random

import pytest

from drivers.contract import DeviceFault, Point
from drivers.modbus import codec, registers

PROOF_INPUTS = 300_000
REQUESTS = [
    codec.read_request(7, codec.READ_HOLDING, 0, 4),
    codec.read_request(7, codec.READ_INPUT, 100, 2),
    codec.read_request(7, codec.READ_DISCRETE, 0, 8),
    codec.write_register(7, 5, b"\x01\x02"),
    codec.write_coil(7, 1, on=True),
]
POINTS = [
    Point(id=kind, address=0, type=kind, size=2, order=order)
    for kind in ("u16", "i32", "f32", "bcd", "string", "bits", "bool")
    for order in ("ABCD", "CDAB", "BADC", "DCBA")
]


def noise(chance: random.Random, request: bytes) -> bytes:
    """Random bytes, and answers cut, lengthened or damaged, some under a right checksum."""
    size = codec.good_reply_bytes(request[1], int.from_bytes(request[4:6]))
    body = bytearray(codec.ExpectedReply.for_request(request).head.ljust(size, b"\0"))
    match chance.randrange(5):
        case 0:
            return chance.randbytes(chance.randrange(40))
        case 1:
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        case 2:
            body[1] |= 0x80
            del body[3:]
        case 3:
            frame = codec.rtu_frame(bytes(body))
            return frame[: chance.randrange(len(frame))]
        case _:
            body[3:] = chance.randbytes(len(body) - 3)
    return chance.randbytes(chance.randrange(6)) + codec.rtu_frame(bytes(body))


def judge(chance: random.Random) -> bool:
    """One input in two pieces; true if it was taken for the answer."""
    request = chance.choice(REQUESTS)
    heard = noise(chance, request)
    expect = codec.RtuExpect(codec.ExpectedReply.for_request(request))
    part = expect.find(heard[: chance.randrange(len(heard) + 1)], final=False)
    whole = expect.find(heard, final=False)
    assert part is None or part == whole
    found = expect.find(heard, final=True)
    assert whole is None or found == whole
    codec.MbapExpect(codec.ExpectedReply.for_request(request)).find(heard, final=True)
    if found is None:
        return False
    frame = heard[slice(*found)]
    assert codec.crc(frame[:-2]) == frame[-2:]
    assert len(frame) <= expect.limit
    with contextlib.suppress(DeviceFault):
        data = codec.reply_data(frame[:-2])
        point = chance.choice(POINTS)
        width = 2 * registers.width(point)
        registers.decoder(point)(data.ljust(width, b"\0")[:width])
    return True


def fuzz(count: int, seed: int) -> int:
    chance = random.Random(seed)
    return sum(judge(chance) for _ in range(count))


def test_ten_thousand_noises() -> None:
    assert 1_000 < fuzz(10_000, 9600) < 9_000


@pytest.mark.proof
def test_noises_at_length() -> None:
    seed = int(os.environ.get("YIZHAN_SEED", "9600"))
    count = int(PROOF_INPUTS * float(os.environ.get("YIZHAN_PROOF_SHARE", "1")))
    taken = fuzz(count, seed)
    print(f"\nmodbus codec: {count} inputs, seed {seed}, none raised; {taken} were answers")
    assert 0 < taken < count

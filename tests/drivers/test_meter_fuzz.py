"""Whatever a line says to a meter's driver: nothing raises but a fault, nothing false is taken."""

import contextlib
import os
import random
from collections.abc import Iterator

import pytest

from drivers.cjt188.driver import DRIVER as CJT188
from drivers.contract import DeviceFault
from drivers.dlt645.driver import DRIVER as DLT645
from drivers.family import Transaction, WireCost
from drivers.serial_line import SerialLine
from tests.drivers.meter_lines import image, profile

MODELS = {
    "dlt645-single-phase": DLT645,
    "dlt645-prepaid": DLT645,
    "dlt645-three-phase": DLT645,
    "cjt188-water": CJT188,
    "cjt188-heat-jy": CJT188,
    "cjt188-gas": CJT188,
}
LINE = SerialLine(2400, 8, "E", 1)
WIRE = WireCost(char_s=LINE.char_s, turnaround_s=0.05, silence_s=LINE.silence_s)
PROOF_INPUTS = 1_000_000
LIMIT_MAX = 256


def asked(model: str) -> tuple[list[Transaction], list[bytes]]:
    """The transactions of a published meter, and its replies."""
    published = image(model)
    meter = profile(model).device("m", published["address"])
    replies = [bytes.fromhex(each["reply"]) for each in published["exchange"]]
    return list(MODELS[model].plan(meter, meter.points, WIRE)), replies


def noise(chance: random.Random, replies: list[bytes]) -> bytes:
    """Random bytes, damaged replies, pieces of replies, and replies behind litter."""
    reply = bytearray(chance.choice(replies))
    match chance.randrange(6):
        case 0:
            return chance.randbytes(chance.randrange(64))
        case 1:
            reply[chance.randrange(len(reply))] ^= 1 << chance.randrange(8)
        case 2:
            del reply[chance.randrange(len(reply)) :]
        case 3:
            at = chance.randrange(len(reply))
            reply[at:at] = chance.randbytes(chance.randrange(1, 5))
        case 4:  # any data, under a right checksum
            start = reply.index(0x68)
            body = reply[start:-2]
            for at in range(9, len(body)):
                if chance.random() < 0.2:
                    body[at] = chance.randrange(256)
            reply[start:] = bytes([*body, sum(body) % 256, 0x16])
        case _:
            reply[:0] = chance.randbytes(chance.randrange(8))
            reply += chance.choice(replies)
    return bytes(reply)


def sealed(frame: bytes) -> bool:
    return frame[0] == 0x68 and frame[-1] == 0x16 and sum(frame[:-2]) % 256 == frame[-2]


def judge(transaction: Transaction, heard: bytes, chance: random.Random) -> bool:
    """Hear it in two pieces; true if it was taken for the reply."""
    expect = transaction.expect
    assert expect.limit <= LIMIT_MAX
    part = expect.find(heard[: chance.randrange(len(heard) + 1)], final=False)
    whole = expect.find(heard, final=False)
    assert part is None or part == whole
    found = expect.find(heard, final=True)
    assert whole is None or found == whole
    if found is None:
        return False
    frame = heard[slice(*found)]
    assert sealed(frame)
    with contextlib.suppress(DeviceFault):
        following = None if transaction.more is None else transaction.more(frame)
        samples = (following or transaction).decode(frame)
        assert [sample.point for sample in samples] == list(transaction.points)
    return True


def inputs(count: int, seed: int) -> Iterator[bool]:
    chance = random.Random(seed)
    meters = [asked(model) for model in MODELS]
    for _ in range(count):
        transactions, replies = chance.choice(meters)
        yield judge(chance.choice(transactions), noise(chance, replies), chance)


def test_ten_thousand_noises() -> None:
    taken = sum(inputs(10_000, 645))
    assert 500 < taken < 5_000


@pytest.mark.proof
def test_a_million_noises() -> None:
    seed = int(os.environ.get("YIZHAN_SEED", "645188"))
    count = int(PROOF_INPUTS * float(os.environ.get("YIZHAN_PROOF_SHARE", "1")))
    taken = sum(inputs(count, seed))
    print(f"seed {seed}: {count} inputs, none raised; {taken} were replies with a right checksum")
    assert 0 < taken < count

"""What adverts say: published ones, damaged ones, any garbage."""

import os
import random
import struct
import tomllib
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.codec import (
    FORMATS,
    DecodedMessage,
    RejectedMessage,
    RejectReason,
    decode_message,
    format_of,
)
from drivers.ble.codec.bthome_objects import OBJECTS as BTHOME_OBJECTS
from drivers.ble.codec.mibeacon_objects import NAMES, UNITS
from drivers.ble.codec.mibeacon_objects import OBJECTS as MIBEACON_OBJECTS

TOLD = tomllib.loads((Path(__file__).parents[2] / "drivers/ble/vectors.toml").read_text("utf-8"))
VECTORS = TOLD["vector"]
MAC = bytes.fromhex("A4C1388D18B2")
KEY = bytes(range(16))


def heard(vector: dict) -> DecodedMessage | RejectedMessage:
    mac = bytes.fromhex(vector["mac"].replace(":", ""))
    key = bytes.fromhex(vector["key"]) if "key" in vector else None
    return decode_message(bytes.fromhex(vector["message"]), mac, key)


def named(vectors):
    names = [f"{vector['format']} {vector['name']}" for vector in vectors]
    return pytest.mark.parametrize("vector", vectors, ids=names)


@named([vector for vector in VECTORS if "says" in vector])
def test_a_published_message_says_what_others_read_in_it(vector) -> None:
    found = heard(vector)
    assert isinstance(found, DecodedMessage)
    assert [[each.what, each.value] for each in found.measures] == vector["says"]
    assert found.packet == vector.get("packet")
    assert found.format == vector["format"]
    assert (found.counter is not None) == ("key" in vector)


@named([vector for vector in VECTORS if "refused" in vector])
def test_a_published_message_that_says_nothing_is_refused_for_its_reason(vector) -> None:
    assert heard(vector) == RejectedMessage(RejectReason(vector["refused"]))


def test_every_format_has_three_vectors_and_a_refusal_with_a_source_that_opens() -> None:
    said = Counter(vector["format"] for vector in VECTORS if "says" in vector)
    refused = Counter(vector["format"] for vector in VECTORS if "refused" in vector)
    for each in FORMATS:
        assert said[each.name] >= (2 if each.name == "ibeacon" else 3)
        assert refused[each.name] >= 1
    assert {vector["source"] for vector in VECTORS} == set(TOLD["source"])
    assert all(source["url"].startswith("http") for source in TOLD["source"].values())


def test_a_vector_cut_short_anywhere_names_nothing_new() -> None:
    for vector in VECTORS:
        known = {what for what, _value in vector.get("says", ())}
        for length in range(len(vector["message"]) // 2):
            cut = heard(vector | {"message": vector["message"][: 2 * length]})
            said = {each.what for each in getattr(cut, "measures", ())}
            assert said <= known, vector["name"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("16d2fc40 3b00 02", [("command", "toggle")]),
        ("16d2fc40 3b02 03 aabb 0105", [("command", "step-up"), ("battery", 5)]),
        ("16d2fc40 3b00 7f 0105", [("battery", 5)]),
        ("16d2fc40 3b", []),
        ("16d2fc40 54", []),
        ("16d2fc40 53", []),
        ("16d2fc40 3c0501 0105", [("battery", 5)]),
        ("16d2fc40 3c0007", [("dimmer", 0)]),
        ("16d2fc40 3c0207", [("dimmer", 7)]),
        ("16d2fc40 f001c0 f100010204 f2000106", [
            ("device-type", 0xC001), ("firmware", "4.2.1.0"), ("firmware", "6.1.0"),
        ]),
        ("16d2fc40", []),
    ],
)  # fmt: skip
def test_bthome_objects_that_no_published_message_shows(message, says) -> None:
    found = decode_message(bytes.fromhex(message), MAC)
    assert isinstance(found, DecodedMessage)
    assert [(each.what, each.value) for each in found.measures] == says


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ("0700 01 00", [("door", True)]),
        ("0700 01 02", [("door", True), ("left-open", True)]),
        ("0700 01 04", [("door", True), ("tamper", True)]),
        ("0700 01 09", []),
        ("0110 03 000009", []),
        ("1510 01 02", [("problem", True)]),
        ("0410 01 aa", []),
        ("0710 03 010203", [("illuminance", 0x030201)]),
        ("1710 04 1e000000", [("motion", True), ("idle", 30)]),
        ("014c 04 0000c07f 034c 01 40", [("battery", 64)]),
        ("084a 04 0000807f", [("motion", True)]),
        ("ffff 02 0102 0a10 01 40", [("battery", 64)]),
        ("1b10 00", [("motion", False)]),
        ("0a10 02 40", []),
        ("0a", []),
    ],
)
def test_mibeacon_objects_that_no_published_message_shows(objects, says) -> None:
    message = bytes.fromhex("1695fe 4050 9800 07" + objects)
    found = decode_message(message, MAC)
    assert isinstance(found, DecodedMessage)
    assert [(each.what, each.value) for each in found.measures] == says


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("", RejectReason.OTHER),
        ("16d2", RejectReason.OTHER),
        ("16d2fc", RejectReason.SHORT),
        ("16d2fc42a4c138", RejectReason.SHORT),
        ("1695fe", RejectReason.SHORT),
        ("1695fe7050 9800 07 b2188d38c1a4", RejectReason.SHORT),
        ("1695fec050 9800 07", RejectReason.VERSION),
        ("1695fe4010 9800 07", RejectReason.VERSION),
        ("1695fe4850 9800 07 aabbccddeeff00", RejectReason.SEALED),
        ("16aafe", RejectReason.SHORT),
        ("16aafe40", RejectReason.VERSION),
        ("16aafe00 e7 0102", RejectReason.SHORT),
        ("16aafe10 e7 00", RejectReason.SHORT),
        ("16aafe10 e7 04 61", RejectReason.VERSION),
        ("16aafe10 e7 03 20", RejectReason.VERSION),
        ("16aafe20", RejectReason.SHORT),
        ("16aafe20 00 0b6d", RejectReason.SHORT),
    ],
)
def test_what_cannot_be_understood_says_why(message, why) -> None:
    assert decode_message(bytes.fromhex(message), MAC) == RejectedMessage(why)


def test_a_sealed_mibeacon_frame_needs_more_than_its_seal() -> None:
    assert decode_message(
        bytes.fromhex("1695fe4850 9800 07 aabbccddeeff00"), MAC, KEY
    ) == RejectedMessage(RejectReason.SHORT)
    assert decode_message(
        bytes.fromhex("1695fe4050 9800 07 0a100140"), MAC, KEY
    ) == RejectedMessage(RejectReason.PLAIN)


def test_the_capability_and_its_io_byte_are_stepped_over() -> None:
    plain = decode_message(bytes.fromhex("1695fe6050 9800 07 0d 0a100140"), MAC)
    with_io = decode_message(bytes.fromhex("1695fe6050 9800 07 2d 01 0a100140"), MAC)
    assert plain == with_io
    assert decode_message(bytes.fromhex("1695fe6050 9800 07"), MAC) == RejectedMessage(
        RejectReason.SHORT
    )


def test_one_name_has_one_unit() -> None:
    for each in FORMATS:
        assert format_of(each.prefix) is each
    seen: dict[str, set[str]] = {}
    for shape in BTHOME_OBJECTS.values():
        seen.setdefault(shape.what, set()).add(shape.unit)
    assert {what: units for what, units in seen.items() if len(units) > 1} == {}
    assert set(UNITS) <= NAMES
    both = set(seen) & set(UNITS)
    assert {what: seen[what] for what in both} == {what: {UNITS[what]} for what in both}


def test_every_mibeacon_object_speaks_in_known_names() -> None:
    for known in MIBEACON_OBJECTS.values():
        for filler in range(8):
            for measure in known.read(bytes([filler]) * max(known.least, 5)):
                assert measure.what in NAMES


@given(st.binary(max_size=60), st.sampled_from([None, KEY]))
def test_garbage_never_raises(garbage, key) -> None:
    assert isinstance(decode_message(garbage, MAC, key), DecodedMessage | RejectedMessage)
    for each in FORMATS:
        assert isinstance(
            decode_message(each.prefix + garbage, MAC, key), DecodedMessage | RejectedMessage
        )


@given(st.binary(min_size=1, max_size=20), st.integers(0, 2**32 - 1), st.sampled_from([0x41, 0x45]))
def test_whatever_bthome_seals_is_opened_and_one_wrong_bit_is_not(objects, counter, info) -> None:
    count = counter.to_bytes(4, "little")
    cipher = AESCCM(KEY, tag_length=4)
    sealed = cipher.encrypt(MAC + b"\xd2\xfc" + bytes([info]) + count, objects, None)
    message = b"\x16\xd2\xfc" + bytes([info]) + sealed[:-4] + count + sealed[-4:]
    found = decode_message(message, MAC, KEY)
    plain = decode_message(b"\x16\xd2\xfc\x40" + objects, MAC)
    assert isinstance(found, DecodedMessage)
    assert isinstance(plain, DecodedMessage)
    assert (found.measures, found.packet, found.counter) == (plain.measures, plain.packet, counter)
    assert decode_message(message[:-1] + bytes([message[-1] ^ 1]), MAC, KEY) == RejectedMessage(
        RejectReason.WRONG_KEY
    )
    assert decode_message(message, MAC[::-1], KEY) == RejectedMessage(RejectReason.WRONG_KEY)


def test_a_float_that_is_no_number_is_not_a_value() -> None:
    for wrong in (float("nan"), float("inf"), -float("inf")):
        objects = b"\x05\x48\x04" + struct.pack("<f", wrong)
        found = decode_message(b"\x16\x95\xfe\x40\x50\x98\x00\x07" + objects, MAC)
        assert found == DecodedMessage("mibeacon", packet=7)


def fuzz(inputs: int, seed: int) -> Counter[str]:
    """Messages from nothing, and published ones with bytes changed, cut and put in."""
    chance = random.Random(seed)
    known = [bytes.fromhex(vector["message"]) for vector in VECTORS]
    outcome: Counter[str] = Counter()
    for _ in range(inputs):
        message = bytearray(chance.choice(known))
        for _ in range(chance.randrange(4)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        cut = chance.randrange(len(message) + 1)
        message[cut:cut] = chance.randbytes(chance.randrange(6))
        if chance.random() < 0.2:
            message = bytearray(chance.choice(FORMATS).prefix + chance.randbytes(24))
        found = decode_message(bytes(message), MAC, chance.choice((None, KEY)))
        outcome[type(found).__name__] += 1
    return outcome


def test_fuzzing_raises_nothing_and_keeps_nothing() -> None:
    fuzz(2_000, 1)
    tracemalloc.start()
    outcome = fuzz(10_000, 2)
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.total() == 10_000
    assert min(outcome.values()) > 500
    assert kept < 100_000


@pytest.mark.proof
def test_fuzzing_at_length() -> None:
    seed = int(os.environ.get("YIZHAN_SEED", "0"))
    inputs = int(400_000 * float(os.environ.get("YIZHAN_PROOF_SHARE", "1")))
    outcome = fuzz(inputs, seed)
    print(f"\nble codecs: {outcome.total()} inputs, seed {seed}: {dict(outcome)}, none raised")
    assert outcome.total() == inputs

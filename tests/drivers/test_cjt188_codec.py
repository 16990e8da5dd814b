"""CJ/T 188 frames: published ones, damaged ones, and any split of what is heard."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.cjt188.codec import (
    ANY_METER,
    ANYBODY,
    DATA_BYTES_MAX,
    HEAD_BYTES,
    Cjt188Control,
    Cjt188Expect,
    Cjt188Frame,
    decode,
    encode,
)

VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "drivers/cjt188/vectors.toml").read_text("utf-8")
)
DIALOGUES = VECTORS["dialogue"]
WATER, METER = 0x10, "78330011223344"
ITEM = b"\x1f\x90\x00"


def frame_of(told: dict) -> Cjt188Frame:
    return Cjt188Frame(told["meter"], told["address"], told["control"], bytes.fromhex(told["data"]))


def reply_to(told: dict) -> Cjt188Expect:
    item = bytes.fromhex(told["data"])[: HEAD_BYTES - 1]
    return Cjt188Expect(told["meter"], told["address"], told["control"], item)


def named(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


@named(DIALOGUES)
def test_we_ask_as_others_have_asked(vector) -> None:
    asked = bytes.fromhex(vector["request"])
    wake = asked.index(0x68)
    assert encode(frame_of(vector["ask"]), wake) == asked
    assert decode(asked[wake:]) == frame_of(vector["ask"])


@named([dialogue for dialogue in DIALOGUES if "reply" in dialogue])
def test_we_understand_what_others_have_heard(vector) -> None:
    heard = bytes.fromhex(vector["reply"])
    found = reply_to(vector["ask"]).find(heard, final=False)
    assert found == (heard.index(0x68), len(heard))
    frame = decode(heard[slice(*found)])
    assert frame == frame_of(vector["answer"])
    assert frame.is_denied == (vector["answer"]["control"] & 0x40 != 0)


@named(VECTORS["refused"])
def test_a_published_frame_with_a_wrong_checksum_is_refused(vector) -> None:
    wrong = bytes.fromhex(vector["reply"])
    right = wrong[:-2] + bytes([vector["right"], 0x16])
    expect = reply_to(vector["ask"])
    assert decode(wrong[4:]) is None
    assert expect.find(wrong, final=True) is None
    assert decode(right[4:]) is not None
    assert expect.find(right, final=True) == (4, len(right))


def test_published_dialogues_that_can_be_opened() -> None:
    heard = [dialogue for dialogue in DIALOGUES if "reply" in dialogue]
    assert len([each for each in heard if not each.get("built")]) >= 3
    assert any(each["answer"]["control"] & 0x40 for each in heard)
    assert all("url" in source for source in VECTORS["source"].values())


@pytest.mark.parametrize("address", ["", "12", "7833001122334", "no address!!!!", "7833001122334٢"])
def test_what_is_no_address(address) -> None:
    with pytest.raises(ValueError, match=address or "^$"):
        encode(Cjt188Frame(WATER, address, Cjt188Control.READ))


def answer(data: bytes = ITEM + bytes(19), control: int = 0x81, address: str = METER):
    return encode(Cjt188Frame(WATER, address, control, data), wake=0)


EXPECT = Cjt188Expect(WATER, METER, Cjt188Control.READ, ITEM[:2])


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param(answer(address="78330011223345"), id="another meter's"),
        pytest.param(encode(Cjt188Frame(0x11, METER, 0x81, ITEM), 0), id="another kind of meter's"),
        pytest.param(answer(b"\x1f\x91\x00"), id="about another item"),
        pytest.param(answer(control=0x84), id="to another question"),
        pytest.param(answer(ITEM, control=0x01), id="our own echo"),
        pytest.param(answer(ITEM + bytes(DATA_BYTES_MAX)), id="longer than a reply may be"),
        pytest.param(answer()[:-1], id="unfinished"),
        pytest.param(answer()[:-1] + b"\x17", id="without its end"),
        pytest.param(answer()[:10] + b"\x17" + answer()[11:], id="with another length"),
    ],
)
def test_what_is_not_the_reply(heard) -> None:
    assert EXPECT.find(heard, final=True) is None


def test_the_item_may_come_back_turned() -> None:
    heard = answer(b"\x90\x1f\x00" + bytes(19))
    assert EXPECT.find(heard, final=False) == (0, len(heard))


def test_a_wildcard_takes_whoever_answers() -> None:
    heard = answer(b"\x81\x0a\x00", 0x83)
    expect = Cjt188Expect(ANY_METER, ANYBODY, Cjt188Control.READ_ADDRESS, b"\x81\x0a")
    assert expect.find(heard, final=False) == (0, len(heard))


def test_an_unfinished_candidate_hides_the_reply_only_until_nothing_more_comes() -> None:
    heard = answer(ITEM + bytes(60))[:20] + answer()
    assert EXPECT.find(heard, final=False) is None
    assert EXPECT.find(heard, final=True) == (20, len(heard))


FRAMES = st.builds(
    Cjt188Frame,
    st.integers(0, 255),
    st.from_regex(r"\A[0-9A-F]{14}\Z"),
    st.integers(0, 255),
    st.binary(max_size=255),
)
NOISE = st.binary(max_size=40) | st.lists(
    st.sampled_from([0x68, 0xFE, 0x16, 0x10, 0x81, 0xC1, 0x44, 0x33, 0]), max_size=40
).map(bytes)


@given(FRAMES, st.integers(0, 4))
def test_what_is_encoded_decodes(frame, wake) -> None:
    raw = encode(frame, wake)
    assert raw[:wake] == b"\xfe" * wake
    assert decode(raw[wake:]) == frame


@given(NOISE, st.sampled_from([b"", answer(), answer(b"\0\x04\0", 0xC1)]), NOISE)
@example(b"\x68", answer(), b"")
def test_what_is_found_in_a_part_is_found_in_the_whole(before, good, after) -> None:
    heard = before + good + after
    partly = [EXPECT.find(heard[:end], final=False) for end in range(len(heard) + 1)]
    found = [where for where in partly if where is not None]
    assert found == [found[0]] * len(found) if found else partly[-1] is None
    if found:
        assert partly[-1] == found[0]
        assert decode(heard[slice(*found[0])]) is not None
    if good and len(before) < 13:
        assert EXPECT.find(heard, final=True) is not None


@given(st.binary(max_size=200))
def test_garbage_never_raises_and_is_never_a_frame_with_a_wrong_sum(garbage) -> None:
    frame = decode(garbage)
    assert frame is None or encode(frame, 0) == garbage
    EXPECT.find(garbage, final=True)


def test_what_must_be_kept_is_bounded_and_holds_the_longest_reply() -> None:
    longest = answer(ITEM + bytes(DATA_BYTES_MAX - len(ITEM)))
    assert len(longest) + 4 <= EXPECT.limit <= 256
    assert EXPECT.find(longest, final=False) == (0, len(longest))


def test_replies_of_one_meter_and_control_code_are_kin() -> None:
    expect = Cjt188Expect(WATER, METER, Cjt188Control.READ, ITEM[:2])
    other = encode(Cjt188Frame(WATER, METER, Cjt188Control.READ | 0x80, b"\x2f\xd1\0\1"), 0)
    denied = encode(Cjt188Frame(WATER, METER, Cjt188Control.READ | 0xC0, b"\0\2\0"), 0)
    assert expect.kin == Cjt188Expect(WATER, METER, Cjt188Control.READ, b"\x2f\xd1").kin
    assert expect.find(other, final=True) is None
    assert expect.any_of_kin().find(other, final=True) == (0, len(other))
    assert expect.find(denied, final=True) == (0, len(denied))
    assert expect.good_only().find(denied, final=True) is None
    assert expect.good_only().any_of_kin().find(denied, final=True) == (0, len(denied))

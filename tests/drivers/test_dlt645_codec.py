"""DL/T 645-2007 frames: published ones, damaged ones, and any split of what is heard."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.dlt645.codec import (
    ANYBODY,
    DATA_BYTES_MAX,
    ERRORS,
    Dlt645Control,
    Dlt645Expect,
    Dlt645Frame,
    decode,
    encode,
    errors,
)

VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "drivers/dlt645/vectors.toml").read_text("utf-8")
)
DIALOGUES = VECTORS["dialogue"]
METER = "201000000012"
ITEM = bytes.fromhex("00010100")


def frame_of(told: dict) -> Dlt645Frame:
    return Dlt645Frame(told["address"], told["control"], bytes.fromhex(told["data"]))


def reply_to(told: dict) -> Dlt645Expect:
    item = told["data"] if told["control"] == Dlt645Control.READ else ""
    return Dlt645Expect(told["address"], told["control"], bytes.fromhex(item))


def named(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


@named([dialogue for dialogue in DIALOGUES if "request" in dialogue])
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
    assert frame.is_denied == ("errors" in vector)
    assert frame.more_follows == ("more" in vector)
    if frame.is_denied:
        assert list(errors(frame.data[0])) == vector["errors"]


@named(VECTORS["refused"])
def test_a_published_frame_with_a_wrong_checksum_is_refused(vector) -> None:
    wrong = bytes.fromhex(vector["reply"])
    right = wrong[:-2] + bytes([vector["right"], 0x16])
    expect = reply_to(vector["ask"])
    assert decode(wrong) is None
    assert expect.find(wrong, final=True) is None
    assert decode(right) is not None
    assert expect.find(right, final=True) == (0, len(right))


def test_sources_that_can_be_opened_show_three_dialogues_and_an_error_reply() -> None:
    opened = [
        dialogue
        for dialogue in DIALOGUES
        if "url" in VECTORS["source"][dialogue["source"]] and "request" in dialogue
    ]
    assert len(opened) >= 3
    assert any("errors" in dialogue for dialogue in opened)


def test_every_bit_of_the_error_word_has_its_name() -> None:
    assert errors(0x7F) == ERRORS
    assert errors(0x80) == ()
    assert [errors(1 << bit) for bit in range(7)] == [(name,) for name in ERRORS]


@pytest.mark.parametrize(
    "address", ["", "12", "20100000001", "2010000000123", "no address!!", "20100000001٢"]
)
def test_what_is_no_address(address) -> None:
    with pytest.raises(ValueError, match=address or "^$"):
        encode(Dlt645Frame(address, Dlt645Control.READ))


def answer(data: bytes = ITEM + b"\x29\x01\0\0", control: int = 0x91, address: str = METER):
    return encode(Dlt645Frame(address, control, data), wake=0)


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param(answer(address="201000000013"), id="another meter's"),
        pytest.param(answer(bytes.fromhex("00020100") + bytes(4)), id="about another item"),
        pytest.param(answer(control=0x94), id="to another question"),
        pytest.param(answer(ITEM[:3], control=0x91), id="too short for its item"),
        pytest.param(answer(ITEM, control=0x11), id="our own echo"),
        pytest.param(answer(ITEM + bytes(DATA_BYTES_MAX)), id="longer than a reply may be"),
        pytest.param(answer()[:-1], id="unfinished"),
        pytest.param(answer()[:-1] + b"\x17", id="without its end"),
        pytest.param(answer()[:9] + b"\x16" + answer()[10:], id="with another length"),
    ],
)
def test_what_is_not_the_reply(heard) -> None:
    assert Dlt645Expect(METER, Dlt645Control.READ, ITEM).find(heard, final=True) is None


def test_a_wildcard_takes_whoever_answers() -> None:
    heard = answer(bytes.fromhex("120000001020"), 0x93)
    assert Dlt645Expect(ANYBODY, Dlt645Control.READ_ADDRESS).find(heard, final=False) == (
        0,
        len(heard),
    )
    assert Dlt645Expect("AAAAAAAA0012", Dlt645Control.READ, ITEM).find(answer(), final=False)
    assert not Dlt645Expect("AAAAAAAA0013", Dlt645Control.READ, ITEM).find(answer(), final=False)


def test_the_echo_of_the_request_and_wake_up_bytes_are_passed_over() -> None:
    echo = encode(Dlt645Frame(METER, Dlt645Control.READ, ITEM))
    heard = echo + b"\xfe\xfe\xfe\xfe" + answer()
    start = len(echo) + 4
    assert Dlt645Expect(METER, Dlt645Control.READ, ITEM).find(heard, final=False) == (
        start,
        len(heard),
    )


def test_an_unfinished_candidate_hides_the_reply_only_until_nothing_more_comes() -> None:
    expect = Dlt645Expect(METER, Dlt645Control.READ, ITEM)
    half = answer(ITEM + bytes(60))[:20]
    heard = half + answer()
    assert expect.find(heard, final=False) is None
    assert expect.find(heard, final=True) == (20, len(heard))
    assert expect.find(half + bytes(100) + answer(), final=False) is not None


FRAMES = st.builds(
    Dlt645Frame,
    st.from_regex(r"\A[0-9A-F]{12}\Z"),
    st.integers(0, 255),
    st.binary(max_size=255),
)
NOISE = st.binary(max_size=40) | st.lists(
    st.sampled_from([0x68, 0xFE, 0x16, 0x91, 0xD1, 0x12, 0x20, 0x10, 0]), max_size=40
).map(bytes)


@given(FRAMES, st.integers(0, 4))
def test_what_is_encoded_decodes(frame, wake) -> None:
    raw = encode(frame, wake)
    assert raw[:wake] == b"\xfe" * wake
    assert decode(raw[wake:]) == frame


@given(NOISE, st.sampled_from([b"", answer(), answer(b"\x02", 0xD1), answer(ITEM, 0xB1)]), NOISE)
@example(b"\x68", answer(), b"")
def test_what_is_found_in_a_part_is_found_in_the_whole(before, good, after) -> None:
    expect = Dlt645Expect(METER, Dlt645Control.READ, ITEM)
    heard = before + good + after
    partly = [expect.find(heard[:end], final=False) for end in range(len(heard) + 1)]
    found = [where for where in partly if where is not None]
    assert found == [found[0]] * len(found) if found else expect.find(heard, final=False) is None
    if found:
        assert partly[-1] == found[0]
        assert decode(heard[slice(*found[0])]) is not None
    if good and len(before) < 12:
        assert expect.find(heard, final=True) is not None


@given(st.binary(max_size=300))
def test_garbage_never_raises_and_is_never_a_frame_with_a_wrong_sum(garbage) -> None:
    frame = decode(garbage)
    assert frame is None or encode(frame, 0) == garbage
    Dlt645Expect(METER, Dlt645Control.READ, ITEM).find(garbage, final=True)


def test_what_must_be_kept_is_bounded_and_holds_the_longest_reply() -> None:
    expect = Dlt645Expect(METER, Dlt645Control.READ, ITEM)
    longest = answer(ITEM + bytes(DATA_BYTES_MAX - len(ITEM)))
    assert len(longest) + 4 <= expect.limit <= 256
    assert expect.find(longest, final=False) == (0, len(longest))


def test_replies_of_one_meter_and_control_code_are_kin() -> None:
    expect = Dlt645Expect(METER, Dlt645Control.READ, ITEM)
    other = encode(Dlt645Frame(METER, Dlt645Control.READ | 0x80, bytes(4) + b"\1"), 0)
    denied = encode(Dlt645Frame(METER, Dlt645Control.READ | 0xC0, b"\2"), 0)
    assert (
        expect.kin
        == Dlt645Expect(METER, Dlt645Control.READ, bytes(4)).kin
        != Dlt645Expect(METER, Dlt645Control.WRITE).kin
    )
    assert expect.find(other, final=True) is None
    assert expect.any_of_kin().find(other, final=True) == (0, len(other))
    assert expect.find(denied, final=True) == (0, len(denied))
    assert expect.good_only().find(denied, final=True) is None
    assert expect.good_only().any_of_kin().find(denied, final=True) == (0, len(denied))

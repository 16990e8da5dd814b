"""Rows, their checksum, and packing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import lane_rows
from gateway.journal.lane_rows import LaneRow

EPOCH = "0123456789abcdef"
NUMBER = st.integers(1, 2**62)
ROW = st.builds(
    LaneRow,
    NUMBER,
    st.integers(1, 1000),
    st.sampled_from(lane_rows.FORMS),
    NUMBER,
    st.just(0),
    st.binary(),
)


@given(ROW, st.integers(0, 3))
def test_a_signed_row_holds_in_its_place(row, lane):
    assert lane_rows.with_checksum(EPOCH, lane, row).holds(EPOCH, lane)


@given(ROW, st.integers(0, 3), st.data())
def test_a_row_with_anything_changed_does_not_hold(row, lane, data):
    signed = lane_rows.with_checksum(EPOCH, lane, row)
    assert not signed.holds(EPOCH, (lane + 1) % 4)
    assert not signed.holds("f" * 16, lane)
    field = data.draw(st.sampled_from(["seq", "span", "form", "total", "crc"]))
    assert not signed._replace(**{field: getattr(signed, field) ^ 1}).holds(EPOCH, lane)
    if row.body:
        at = data.draw(st.integers(0, len(row.body) - 1))
        flipped = bytearray(row.body)
        flipped[at] ^= 1 << data.draw(st.integers(0, 7))
        assert not signed._replace(body=bytes(flipped)).holds(EPOCH, lane)


@given(st.lists(st.binary(max_size=300), max_size=50))
def test_packing_keeps_every_body(bodies):
    assert lane_rows.unpack_bodies(lane_rows.pack_bodies(bodies)) == bodies


@given(st.binary(max_size=300))
def test_garbage_is_no_pack(garbage):
    with pytest.raises(ValueError, match=r".*"):
        lane_rows.unpack_bodies(garbage)


def test_a_row_names_its_first_number():
    assert LaneRow(seq=10, span=3, form=lane_rows.PACK, total=0, crc=0, body=b"").first == 8

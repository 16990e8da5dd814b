import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadReceipt
from gateway.upstream.uplinks.http.command_array import split_commands

WELL = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers(), max_size=4)
BROKEN = [
    b'{"id":007}',
    b'{"id":"a\tb"}',
    b'{"kind":nul}',
    b'{"id":"\\q"}',
    b'{"a":1,}',
    b'{"a" 1}',
]


@given(st.lists(WELL, max_size=6))
def test_a_good_answer_is_its_commands(commands):
    raws = [json.dumps(each, ensure_ascii=False).encode() for each in commands]
    assert split_commands(b"[" + b" , ".join(raws) + b"]") == raws


@given(st.lists(WELL, max_size=5), st.sampled_from(BROKEN), st.data())
def test_a_command_that_is_no_json_costs_itself_alone(commands, broken, data):
    raws = [json.dumps(each).encode() for each in commands]
    raws.insert(data.draw(st.integers(0, len(raws))), broken)
    assert split_commands(b"[" + b",".join(raws) + b"]\n") == raws


def test_what_an_answer_breaks_off_in_is_left_out():
    whole = b'[{"id":"a"},{"id":"b,]}"},{"id":"c'
    assert split_commands(whole) == [b'{"id":"a"}', b'{"id":"b,]}"}']


@given(st.binary(max_size=200) | st.text('[]{},\\"a1 ', max_size=60).map(str.encode))
@settings(max_examples=300)
def test_garbage_is_no_answer_or_items_never_anything_else(body):
    try:
        found = split_commands(body)
    except BadReceipt:
        return
    assert all(isinstance(item, bytes) for item in found)


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"\xff", b"[" * 100_000, b'"[]"'])
def test_what_is_no_array_is_refused(body):
    with pytest.raises(BadReceipt, match="no-commands"):
        split_commands(body)


def test_what_decodes_is_never_cut():
    assert split_commands(b"[1,[2],{}]") == [b"1", b"[2]", b"{}"]
    assert msgspec.json.decode(split_commands(b'["a]b"]')[0]) == "a]b"

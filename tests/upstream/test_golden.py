"""The golden files: what we send is exactly that, and what is documented is exactly that."""

import json
import re
from pathlib import Path

import pytest

from gateway.demo.platform.cloudevents import parse_batch
from gateway.upstream.feed.events import KINDS as FEED
from gateway.upstream.inbox.command import parse_command
from gateway.upstream.inbox.events import KINDS as INBOX
from gateway.upstream.uplinks.contract import decode_receipt
from tests.upstream.golden import EVENTS, FOLDER, wire

FEED_MD = Path(__file__).parents[2] / "docs" / "feed.md"


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize("name", sorted(wire()))
def test_what_we_send_is_byte_for_byte_the_golden_file(name):
    assert wire()[name] == golden(name)


def test_every_file_is_checked():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(wire())


def test_every_kind_of_this_room_has_one():
    covered = {event.kind for event, _ in EVENTS.values()}
    assert {*FEED, *INBOX} <= covered


def test_a_reader_written_from_the_documentation_takes_every_event():
    for name in EVENTS:
        (event,) = parse_batch(b"[" + golden(name) + b"]")
        assert event.settles[1] == EVENTS[name][1]
    assert len(parse_batch(golden("batch"))) == 2


@pytest.mark.parametrize("name", ["receipt", "receipt-missing", "receipt-rejected", "receipt-held"])
def test_golden_receipts_are_read(name):
    receipt, plain = decode_receipt(golden(name)), json.loads(golden(name))
    assert receipt.upto == plain["upto"]
    assert [list(hole) for hole in receipt.missing] == plain["missing"]
    held = None if receipt.held is None else [list(each) for each in receipt.held]
    assert held == plain.get("held")
    assert [{"id": no.id, "code": no.code} for no in receipt.rejected] == plain["rejected"]


@pytest.mark.parametrize("name", ["command-ping", "command-replay"])
def test_golden_commands_are_read(name):
    assert parse_command(golden(name)).kind == json.loads(golden(name))["kind"]


def test_every_example_in_the_documentation_is_a_golden_file():
    examples = re.findall(r"```json\n(.*?)\n```", FEED_MD.read_text("utf-8"), re.DOTALL)
    files = {path.read_text("utf-8").strip() for path in FOLDER.parent.rglob("*.json")}
    assert len(examples) >= 10
    assert [example for example in examples if example not in files] == []

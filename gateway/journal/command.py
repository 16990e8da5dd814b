"""`yizhan journal`: figures, the newest entries, a check, salvage from a wreck, export."""

import argparse
import collections
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.clock.boot import control_sockets
from gateway.errors import Unavailable
from gateway.event import JournalEntry, Lane, encode_envelope
from gateway.journal import core_factory, events, lane_rows
from gateway.journal.chain import ChainProof, verify_chain
from gateway.journal.inspection import JournalSource, entry_station, open_source
from gateway.journal.lock import locked_epoch
from gateway.journal.salvage import Wreck
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

_STATE = Path("/var/lib/yizhan")
_TAIL = 20
_NEW_EPOCH = f'"type":"{events.NEW_EPOCH.type}"'.encode()


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "journal", texts)
    tasks = parser.add_subparsers(metavar=texts.say("cli.command"), required=True)

    def task(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        about = texts.say(f"journal.{name}")
        added: argparse.ArgumentParser = tasks.add_parser(name, help=about, description=about)
        added.set_defaults(func=run)
        return added

    for name, looking in (("stats", _stats), ("tail", _tail), ("verify", _verify),
                          ("export", _export)):  # fmt: skip
        asked = task(name, looking)
        asked.add_argument("--state", type=Path, metavar="DIR", help=texts.say("journal.state"))
        if name in ("tail", "export"):
            asked.add_argument("--lane", type=_lane, metavar="LANE", help=texts.say("journal.lane"))
        if name in ("stats", "verify"):
            asked.add_argument("--json", action="store_true", help=texts.say("journal.json"))
    tasks.choices["tail"].add_argument(
        "-n", dest="count", type=int, default=_TAIL, help=texts.say("journal.count")
    )
    tasks.choices["export"].add_argument(
        "--after", type=int, default=0, metavar="N", help=texts.say("journal.after")
    )
    wreck = task("salvage", _salvage)
    wreck.add_argument("file", type=Path, metavar="FILE", help=texts.say("journal.wreck"))
    wreck.add_argument("--epoch", metavar="HEX", help=texts.say("journal.epoch"))


def _lane(name: str) -> Lane:
    try:
        return Lane.parse(name)
    except ValueError:
        known = [lane.wire for lane in Lane]
        said = Texts.from_environment().say("journal.no-lane", lane=name, known=known)
        raise argparse.ArgumentTypeError(said) from None


def _source(args: argparse.Namespace) -> JournalSource:
    state = args.state or Path(os.environ.get("STATE_DIRECTORY", "") or _STATE)
    given = bool(os.environ.get("RUNTIME_DIRECTORY"))
    return open_source(state, control_sockets(os.environ), any_station=given or args.state is None)


def _stats(args: argparse.Namespace) -> int:
    source = _source(args)
    figures = source.figures()
    source.close()
    if args.json:
        print(json.dumps(figures))
        return 0
    texts = Texts.from_environment()
    heads = (texts.say("journal.head-lane"), texts.say("journal.head-issued"))
    lanes = figures["lanes"].items()
    print(
        render_table(heads, [(texts.say(f"lane.{lane}"), head) for lane, head in lanes], right=(1,))
    )
    print(texts.say("journal.figures", **figures, used_mb=figures["used_bytes"] / 1e6))
    return 0


def _lanes(args: argparse.Namespace) -> tuple[Lane, ...]:
    return tuple(Lane) if args.lane is None else (args.lane,)


def _tail(args: argparse.Namespace) -> int:
    source = _source(args)
    heads = source.figures()["lanes"]
    for lane in _lanes(args):
        after = max(0, heads[lane.wire] - args.count)
        for event in collections.deque(source.events(lane, after), maxlen=args.count):
            _line(event)
    source.close()
    return 0


def _export(args: argparse.Namespace) -> int:
    source = _source(args)
    for event in itertools.chain.from_iterable(
        source.events(lane, args.after) for lane in _lanes(args)
    ):
        _line(event)
    source.close()
    return 0


def _line(event: bytes) -> None:
    sys.stdout.buffer.write(event + b"\n")


def _verify(args: argparse.Namespace) -> int:
    """Read everything; exit code 1 if anything is damaged."""
    source = _source(args)
    found: collections.Counter[str] = collections.Counter()
    moved = False
    for lane in Lane:
        for event in source.events(lane, 0):
            found[_what(event)] += 1
            moved = moved or (lane is events.NEW_EPOCH.lane and _NEW_EPOCH in event)
    complaints = source.complaints()
    head = source.head()
    chain = verify_chain(source.events(Lane.SERVICE, 0), head, moved=moved)
    source.close()
    damaged = found[events.DAMAGED] + len(complaints) + (chain.broken is not None)
    if args.json:
        audit = msgspec.to_builtins(chain)
        told = {"found": found, "complaints": complaints, "audit": audit, "ok": not damaged}
        print(json.dumps(told))
        return 1 if damaged else 0
    texts = Texts.from_environment()
    for what, count in sorted(found.items()):
        print(f"{count:>10}  {texts.say(what)}")
    for complaint in complaints:
        print(complaint)
    print(_chain_said(chain, texts))
    print(texts.say("journal.verify-damaged" if damaged else "journal.verify-ok"))
    return 1 if damaged else 0


def _chain_said(chain: ChainProof, texts: Texts) -> str:
    """What the verification of the audit chain found."""
    broken = chain.broken
    if broken is not None:
        return texts.say(broken.why, n=broken.n, seq=broken.seq, lane=Lane.SERVICE.wire)
    if not chain.last:
        return texts.say("journal.chain-none")
    return texts.say(
        "journal.chain-ok", first=chain.first, last=chain.last, acts=chain.acts, lost=chain.lost
    )


def _what(event: bytes) -> str:
    """The text code of an entry, or of the gap in its place."""
    if events.GAP.type.encode() not in event:
        return "journal.entries"
    told = json.loads(event)
    return str(told["data"]["why"]) if told["type"] == events.GAP.type else "journal.entries"


def _salvage(args: argparse.Namespace) -> int:
    """Print every intact entry of a damaged file; exit code 1 if there is none."""
    if not args.file.is_file():
        raise Unavailable("journal.none", path=str(args.file))
    wreck = Wreck(args.file, args.epoch or _epoch_beside(args.file))
    count = 0
    for entry in _entries(wreck):
        _line(encode_envelope(entry, entry_station(entry)))
        count += 1
    wreck.close()
    print(Texts.from_environment().say("journal.salvaged", count=count), file=sys.stderr)
    return 0 if count else 1


def _epoch_beside(path: Path) -> str | None:
    """The lock file's epoch: the damaged file's, unless a new journal was made."""
    if path.name != core_factory.FILE:
        return None
    return locked_epoch(path.parent)


def _entries(wreck: Wreck) -> Iterator[JournalEntry]:
    for lane in Lane:
        for row in wreck.rows(lane):
            bodies = lane_rows.unpack_bodies(row.body) if row.form == lane_rows.PACK else [row.body]
            gap_from = row.first if row.form == lane_rows.GAP else None
            first = row.seq if row.form == lane_rows.GAP else row.first
            for seq, body in enumerate(bodies, first):
                yield JournalEntry(wreck.epoch or "", lane, seq, body, gap_from)

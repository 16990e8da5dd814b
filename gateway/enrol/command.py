"""`yizhan enrol`: bind this station to a platform with a one-time token, or show its state.

The station may run or not: it uses the certificate from its next start.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.api_client import ApiClient
from gateway.config.load import load
from gateway.config.paths import config_default, state_default
from gateway.enrol.enrolment import EnrolmentStatus, PlatformEnrolment
from gateway.errors import StationError
from gateway.health import ClockVitals
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "enrol", texts)
    parser.add_argument("--claim", metavar="TOKEN", help=texts.say("enrol.claim"))
    parser.add_argument("--url", help=texts.say("enrol.url"))
    parser.add_argument("--ca-file", metavar="PEM", help=texts.say("enrol.ca-file"))
    parser.add_argument("--uplink", metavar="NAME", help=texts.say("enrol.name"))
    parser.add_argument("--config", type=Path, default=config_default(), metavar="DIR",
                        help=texts.say("station.config"))  # fmt: skip
    parser.add_argument("--state", type=Path, default=None, metavar="DIR",
                        help=texts.say("station.state"))  # fmt: skip
    parser.add_argument("--json", action="store_true", help=texts.say("enrol.json"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Enrol or show; 1 if that was not possible, or the certificate is missing or expired."""
    texts = Texts.from_environment()
    settings = load(args.config)
    state = args.state or state_default(args.config)
    desk = None
    try:
        _be_owner_of(state)
        desk = PlatformEnrolment(settings, state, args.uplink, args.url, args.ca_file)
        _hear_the_station(desk, settings.station.id)
        if args.claim is not None:
            asyncio.run(desk.enrol(args.claim))
        shown = desk.status()
    except StationError as error:
        _tell_fault(error, texts, as_json=args.json)
        if desk is not None and desk.clock_unset and not args.json:
            print(texts.say("enrol.clock-unset", **desk.remark_data()), file=sys.stderr)
        return 1
    if args.json:
        print(msgspec.json.encode(shown).decode())
    else:
        print("\n".join(enrolment_text(shown, texts, fresh=args.claim is not None)))
        for code in desk.remarks():
            print(texts.say(code, **desk.remark_data()))
    return 1 if shown.state == "over" else 0


class _Named(msgspec.Struct, frozen=True):
    id: str


class _Running(msgspec.Struct, frozen=True):
    station: _Named
    clock: ClockVitals


def _hear_the_station(desk: PlatformEnrolment, station: str) -> None:
    """Judge dates by the clock of the station that runs here, if it is this one."""
    with contextlib.suppress(StationError):  # none runs, or it lets us not in: the floor is known
        running: _Running = ApiClient().get("/api/v1/vitals", _Running)
        if running.station.id == station:
            desk.learn_time(running.clock)


def enrolment_text(shown: EnrolmentStatus, texts: Texts, *, fresh: bool) -> list[str]:
    """The state of an enrolment for people."""
    lines = [
        texts.say(
            "enrol.done" if fresh else "enrol.stands",
            url=shown.url, uplink=shown.uplink, ends=shown.ends,
        ),
        texts.say("enrol.dates", begins=shown.begins, ends=shown.ends, renews=shown.renews),
        texts.say("enrol.fingerprint", fingerprint=shown.fingerprint),
        texts.say("enrol.commands" if shown.commands else "enrol.no-commands"),
    ]  # fmt: skip
    if shown.state != "valid":
        lines.append(texts.say(f"enrol.state-{shown.state}"))
    if fresh:
        lines.append(texts.say("enrol.restart"))
    return lines


def _be_owner_of(state: Path) -> None:
    """Write as the station's user, who must be able to read the key."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = state.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)


def _tell_fault(error: StationError, texts: Texts, *, as_json: bool) -> None:
    text, remedy = texts.say(error.code, **error.data), texts.remedy(error.code, **error.data)
    if as_json:
        told = {"state": "none", "code": error.code, "text": text, "remedy": remedy}
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(text if remedy is None else f"{text}\n    → {remedy}", file=sys.stderr)

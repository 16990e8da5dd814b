"""`yizhan doctor`: what is wrong here and what to do; beside a running station or alone."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.api_client import Console, NoStation
from gateway.appliance.doctor import gather
from gateway.appliance.doctor.bundle import contents
from gateway.appliance.doctor.bundle.pack import pack
from gateway.appliance.doctor.checks import examine
from gateway.appliance.doctor.facts import Facts, Running
from gateway.appliance.doctor.finding import Finding, Level, worst
from gateway.appliance.doctor.report import as_json, report
from gateway.appliance.doctor.section import FACTS
from gateway.appliance.doctor.written import serial_ports, written
from gateway.appliance.load import settings_file
from gateway.appliance.paths import config_default
from gateway.errors import StationError
from gateway.texts import Texts

STATE = Path("/var/lib/yizhan")

# `--bundle` without a name: a file with a name of ours in the current folder.
HERE = Path()


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.of_environment()
    parser = subcommands.add_parser(
        "doctor",
        help=texts.say("cli.doctor"),
        description=texts.say("doctor.about"),
        epilog=texts.say("doctor.examples"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=config_default(), metavar="DIR",
                        help=texts.say("check.config"))  # fmt: skip
    parser.add_argument("--state", type=Path, metavar="DIR", help=texts.say("doctor.state"))
    parser.add_argument("--json", action="store_true", help=texts.say("doctor.json"))
    parser.add_argument("--bundle", nargs="?", type=Path, const=HERE, metavar="FILE",
                        help=texts.say("doctor.bundle"))  # fmt: skip
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 if something is bad. `--bundle` writes a file for whoever helps."""
    texts = Texts.of_environment()
    state = args.state or Path(os.environ.get("STATE_DIRECTORY", "").split(":")[0] or STATE)
    facts = gathered(args.config, state)
    findings = examine(facts)
    if args.bundle is not None:
        _print(_bundle(args, facts, findings, texts))
        return 0
    if args.json:
        _print(msgspec.json.encode(as_json(findings, texts)).decode())
    else:
        _print(report(findings, texts))
    return int(worst(findings) is Level.BAD)


def _bundle(
    args: argparse.Namespace, facts: Facts, findings: Sequence[Finding], texts: Texts
) -> str:
    """Write the support file; where it is, and what is in it."""
    station = f"-{facts.running.vitals.station}" if facts.running else ""
    name = f"yizhan-doctor{station}"
    path = Path(f"{name}.tar.gz") if args.bundle == HERE else args.bundle
    asked = contents.Asked(settings_file(args.config), facts, findings, Console(), contents.run)
    pages = contents.pages(asked)
    size = pack(path, name, pages)
    written = texts.say("bundle.written", path=path, kib=-(-size // 1024))
    return f"{written}\n{contents.told(pages, texts)}".rstrip()


def gathered(config: Path, state: Path) -> Facts:
    """All three witnesses, as far as they are there."""
    known, settings = written(config, state)
    asked = gather.Asked(settings_file(config), state, serial_ports(settings))
    machine = gather.machine(asked, units=gather.units())
    try:
        found: Running | None = Console().get(FACTS, Running)
    except NoStation:
        return Facts(machine=machine, written=known)
    except (StationError, msgspec.DecodeError) as error:  # another version of ours, most likely
        return Facts(machine=machine, written=known, mute=str(error))
    return Facts(machine=machine, written=known, running=found)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")

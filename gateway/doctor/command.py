"""`yizhan doctor`: what is wrong here and what to do; beside a running station or alone."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.api_client import ApiClient, NoStation
from gateway.config.load import settings_file
from gateway.config.paths import config_default
from gateway.doctor import probes
from gateway.doctor.bundle import contents
from gateway.doctor.bundle.archive import pack
from gateway.doctor.checks import examine
from gateway.doctor.model.facts import RunningFacts, StationFacts
from gateway.doctor.model.finding import Finding, FindingLevel, worst
from gateway.doctor.model.report import as_json, report
from gateway.doctor.section import FACTS
from gateway.doctor.settings_facts import read_settings_facts, serial_ports
from gateway.errors import StationError
from gateway.texts import Texts

STATE = Path("/var/lib/yizhan")

# `--bundle` without a name: a file with a name of ours in the current folder.
HERE = Path()


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
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
    """Print the findings; 1 if something is bad. `--bundle` writes a support file."""
    texts = Texts.from_environment()
    state = args.state or Path(os.environ.get("STATE_DIRECTORY", "").split(":")[0] or STATE)
    facts = gather_facts(args.config, state)
    findings = examine(facts)
    if args.bundle is not None:
        _print(_bundle(args, facts, findings, texts))
        return 0
    if args.json:
        _print(msgspec.json.encode(as_json(findings, texts)).decode())
    else:
        _print(report(findings, texts))
    return int(worst(findings) is FindingLevel.BAD)


def _bundle(
    args: argparse.Namespace, facts: StationFacts, findings: Sequence[Finding], texts: Texts
) -> str:
    """Write the support file; its path and contents as text."""
    station = f"-{facts.running.vitals.station}" if facts.running else ""
    name = f"yizhan-doctor{station}"
    path = Path(f"{name}.tar.gz") if args.bundle == HERE else args.bundle
    asked = contents.BundleSources(
        settings_file(args.config), facts, findings, ApiClient(), contents.run
    )
    pages = contents.bundle_pages(asked)
    size = pack(path, name, pages)
    written = texts.say("bundle.written", path=path, kib=-(-size // 1024))
    return f"{written}\n{contents.readme_text(pages, texts)}".rstrip()


def gather_facts(config: Path, state: Path) -> StationFacts:
    """The facts of the machine, the settings and the station, as far as available."""
    known, settings = read_settings_facts(config, state)
    asked = probes.ProbeTargets(settings_file(config), state, serial_ports(settings))
    machine = probes.probe_machine(asked, units=probes.unit_facts())
    try:
        found: RunningFacts | None = ApiClient().get(FACTS, RunningFacts)
    except NoStation:
        return StationFacts(machine=machine, written=known)
    except (StationError, msgspec.DecodeError) as error:  # another version of ours, most likely
        return StationFacts(machine=machine, written=known, mute=str(error))
    return StationFacts(machine=machine, written=known, running=found)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")

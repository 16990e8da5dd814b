"""`yizhan emulate`: play one device model on TCP or a pty, with values and faults as asked."""

import argparse
import asyncio
import dataclasses
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

from drivers.contract import BadProfile, Value
from drivers.emulate.device import can_emulate, emulate_device
from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.emulate.slave import SlaveFaults
from drivers.profile import Profile
from drivers.profiles import find_profile, usable_profiles
from drivers.serial_line import SerialLine
from gateway.config.load import own_profiles
from gateway.config.paths import config_here
from gateway.config.profile_check import data_in_words
from gateway.errors import UsageError
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

BUS = "line"
_UNITS_MAX = 247


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "emulate", texts)
    parser.add_argument("profile", nargs="?", help=texts.say("emulate.profile"))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--tcp", metavar="HOST:PORT", help=texts.say("emulate.tcp"))
    where.add_argument("--rtu-over-tcp", metavar="HOST:PORT", help=texts.say("emulate.rtu"))
    where.add_argument("--pty", action="store_true", help=texts.say("emulate.pty"))
    parser.add_argument("--link", metavar="PATH", help=texts.say("emulate.link"))
    parser.add_argument("--line", metavar="'9600 8N1'", help=texts.say("emulate.line"))
    parser.add_argument("--unit", default="1", metavar="1,3-5", help=texts.say("emulate.unit"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="POINT=VALUE", help=texts.say("emulate.set")
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="WHAT", help=texts.say("emulate.fault")
    )
    parser.add_argument("--seed", type=int, default=0, help=texts.say("emulate.seed"))
    parser.add_argument(
        "--config", type=Path, default=config_here(), metavar="DIR", help=texts.say("model.config")
    )
    parser.add_argument("--json", action="store_true", help=texts.say("emulate.json"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """List the models, or play one until interrupted."""
    texts = Texts.from_environment()
    own = own_profiles(args.config)
    if args.profile is None:
        print(_shelf(texts, own, as_json=args.json))
        return 0
    try:
        profile = find_profile(args.profile, own)
        spec = parse_field(args, profile)
        return asyncio.run(_play(spec, profile, args, texts))
    except BadProfile as error:
        print(texts.say(error.code, **data_in_words(error)), file=sys.stderr)
        return 2
    except UsageError as error:
        print(texts.say(error.code, **error.data), file=sys.stderr)
        return 2
    except OSError as error:
        why = error.strerror or str(error)
        print(texts.say("emulate.cannot-listen", why=why), file=sys.stderr)
        return 1


def parse_field(args: argparse.Namespace, profile: Profile) -> EmulatedFieldSpec:
    """The field that the arguments ask for; UsageError names what cannot be."""
    if not can_emulate(profile) or (args.tcp and profile.family != "modbus"):
        raise UsageError("emulate.family", profile=profile.id, family=profile.family)
    line = args.line or profile.line or str(SerialLine())
    try:
        SerialLine.parse(line)
    except ValueError:
        raise UsageError("emulate.bad-line", line=line) from None
    address = args.tcp or args.rtu_over_tcp
    host, port = parse_host_and_port(address) if address else ("127.0.0.1", 0)
    kind = "serial"
    if address:
        kind = "modbus-tcp" if args.tcp else "modbus-rtu-over-tcp"
    bus = EmulatedBusSpec(kind=kind, line=line, link=args.link, host=host, port=port)  # type: ignore[arg-type]  # one of the three literals above
    values = dict(parse_setting(text, profile) for text in args.set)
    meters = {
        str(unit): EmulatedMeterSpec(profile=profile.id, bus=BUS, unit=unit, set=values)
        for unit in parse_units(args.unit)
    }
    return EmulatedFieldSpec(bus={BUS: bus}, meter=meters, seed=args.seed)


def parse_units(text: str) -> list[int]:
    """Unit addresses from `1,3-5`; UsageError if that names none."""
    found: set[int] = set()
    for part in text.split(","):
        range_ = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part)
        if range_ is None:
            raise UsageError("emulate.bad-unit", unit=part)
        first, last = int(range_[1]), int(range_[2] or range_[1])
        if not 1 <= first <= last <= _UNITS_MAX:
            raise UsageError("emulate.bad-unit", unit=part)
        found.update(range(first, last + 1))
    return sorted(found)


def parse_host_and_port(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:1502`; UsageError if it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - TCP's own limit
        raise UsageError("emulate.bad-address", address=text)
    return host, int(port)


def parse_setting(text: str, profile: Profile) -> tuple[str, int | float | bool | str]:
    """A point and its value from `power-w=1800`; UsageError if the model cannot show that."""
    name, _, value = text.partition("=")
    if name not in {spec.id for spec in profile.point}:
        known = ", ".join(spec.id for spec in profile.point)
        raise UsageError("emulate.no-point", point=name, profile=profile.id, known=known)
    parsed = parse_literal(value)
    try:
        emulate_device(profile, "1").set_value(name, parsed)
    except ValueError:
        raise UsageError("emulate.bad-value", point=name, value=value) from None
    return name, parsed


def parse_fault(text: str) -> tuple[str, Value]:
    """A fault and its value from `late=0.8` or `dead`; UsageError if there is no such fault."""
    name, _, value = text.partition("=")
    fields = {_spoken(field.name): field for field in dataclasses.fields(SlaveFaults)}
    parsed: Value = parse_literal(value) if value else True
    wants_value = name in fields and not isinstance(fields[name].default, bool)
    if name not in fields or not isinstance(parsed, int | float) or wants_value != bool(value):
        raise UsageError("emulate.no-fault", fault=text, known=", ".join(fields))
    return fields[name].name, parsed


def _spoken(fault: str) -> str:
    return fault.removesuffix("_s").replace("_", "-")


def parse_literal(text: str) -> int | float | bool | str:
    """The value that a person wrote: a whole number, a number, true or false, else the text."""
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


async def _play(
    spec: EmulatedFieldSpec, profile: Profile, args: argparse.Namespace, texts: Texts
) -> int:
    field = EmulatedField.from_spec(spec, lambda _: profile)
    faults = [parse_fault(text) for text in args.fault]
    for name, value in faults:
        for meter in field.meters:
            await field.set_fault(meter, name, value)
    await field.start()
    try:
        played = describe(field, profile)
        print(json.dumps(played, ensure_ascii=False) if args.json else _told(played, texts))
        sys.stdout.flush()
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
    finally:
        await field.stop()
    return 0


def describe(field: EmulatedField, profile: Profile) -> dict[str, Any]:
    """What is played and where, for `--json`."""
    bus = field.buses[BUS]
    return {
        "profile": profile.id,
        "unverified": profile.unverified,
        "kind": bus.spec.kind,
        "where": bus.where,
        "line": bus.spec.line,
        "units": [meter.unit for meter in field.meters.values()],
        "faults": next((field.active_faults(name) for name in field.meters), {}),
        "points": [
            {
                "id": spec.id,
                "name": {"zh": spec.name.zh, "en": spec.name.en},
                "kind": spec.kind,
                "address": spec.address,
                "type": spec.type,
                "unit": spec.unit,
            }
            for spec in profile.point
        ],
    }


def _told(played: dict[str, Any], texts: Texts) -> str:
    heads = [texts.say(f"emulate.head-{name}") for name in ("point", "name", "place", "unit")]
    rows = [
        (
            point["id"],
            point["name"][texts.lang],
            f"{point['kind']} {point['address']} {point['type']}",
            point["unit"],
        )
        for point in played["points"]
    ]
    where = texts.say(
        "emulate.where",
        profile=played["profile"],
        where=played["where"],
        kind=played["kind"],
        line=played["line"],
        units=", ".join(map(str, played["units"])),
    )
    return f"{render_table(heads, rows)}\n\n{where}"


def _shelf(texts: Texts, own: Path, *, as_json: bool) -> str:
    """All models that can be played; own ones that are wrong are left out."""
    rows = [
        (model.id, getattr(model.name, texts.lang), model.maker, model.line or "")
        for model in usable_profiles(own)
        if can_emulate(model)
    ]
    if as_json:
        return json.dumps([row[0] for row in rows])
    heads = [texts.say(f"emulate.head-{name}") for name in ("profile", "name", "maker", "line")]
    return render_table(heads, rows)

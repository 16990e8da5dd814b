"""`yizhan profile`: list device models, show one, or try one on a device."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from drivers.bus.bus_plan import polled_driver
from drivers.bus.kinds import ModbusTcpOptions, RtuOverTcpOptions, SerialOptions
from drivers.contract import BadProfile, Device, FieldError, Quality
from drivers.profile import Profile
from drivers.profiles import find_profile, profile_ids
from drivers.scan.profile_trial import TrialExchange, TrialValue, try_profile
from drivers.serial_line import SerialLine
from gateway.config.load import own_profiles
from gateway.config.paths import config_here
from gateway.config.profile_check import data_in_words, doubtful_addresses, unit_faults
from gateway.errors import UsageError
from gateway.scan.progress import SearchTerminal, as_json
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

Options = SerialOptions | ModbusTcpOptions | RtuOverTcpOptions

_RAW_CELLS_MAX = 48


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    say = texts.say
    parser = declare_command(subcommands, "profile", texts, code="model")
    parts = parser.add_subparsers(metavar=say("cli.command"), required=True)
    listed = parts.add_parser("list", help=say("model.list"))
    listed.set_defaults(func=run_list)
    shown = parts.add_parser("show", help=say("model.show"))
    shown.set_defaults(func=run_show)
    tried = parts.add_parser("check", help=say("model.check"))
    tried.set_defaults(func=run_check)
    for part in (shown, tried):
        part.add_argument("profile", help=say("model.profile"))
    where = tried.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", metavar="/dev/ttyUSB0", help=say("model.port"))
    where.add_argument("--tcp", metavar="HOST:PORT", help=say("model.tcp"))
    where.add_argument("--rtu-over-tcp", metavar="HOST:PORT", help=say("model.rtu"))
    tried.add_argument("--address", required=True, help=say("model.address"))
    tried.add_argument("--line", metavar="'9600 8N1'", help=say("model.line"))
    for part in (listed, shown, tried):
        part.add_argument(
            "--config", type=Path, default=config_here(), metavar="DIR", help=say("model.config")
        )
        part.add_argument("--json", action="store_true", help=say("model.json"))


def run_list(args: argparse.Namespace) -> int:
    """List all models and mark the installer's own; 1 if one of those is wrong."""
    screen = SearchTerminal(Texts.from_environment(), quiet=args.json)
    own, rows, wrong = own_profiles(args.config), [], 0
    for name in profile_ids(own):
        try:
            profile = find_profile(name, own)
        except BadProfile as error:
            screen.complain(error.code, data_in_words(error))
            wrong = 1
            continue
        rows.append(_row(profile, screen.texts, own=(own / f"{name}.toml").is_file()))
    if args.json:
        sys.stdout.write(as_json(rows))
    else:
        heads = [screen.texts.say(f"model.head-{name}") for name in _HEADS]
        sys.stdout.write(render_table(heads, [tuple(row.values()) for row in rows]) + "\n")
    return wrong


_HEADS = ("id", "name", "family", "line", "points", "mark")


def _row(profile: Profile, texts: Texts, *, own: bool) -> dict[str, Any]:
    marks = [texts.say("model.own")] if own else []
    marks += [texts.say("model.unverified")] if profile.unverified else []
    name = getattr(profile.name, texts.lang)
    values = (profile.id, name, profile.family, profile.line, len(profile.point), ", ".join(marks))
    return dict(zip(_HEADS, values, strict=True))


def run_show(args: argparse.Namespace) -> int:
    """Show a model: source, evidence, points."""
    texts = Texts.from_environment()
    profile = _find(args, texts)
    if profile is None:
        return 2
    if args.json:
        sys.stdout.write(as_json(msgspec.to_builtins(profile)))
    else:
        sys.stdout.write("\n".join([*_about(profile, texts), "", _points(profile, texts)]) + "\n")
    return 0


def _find(args: argparse.Namespace, texts: Texts) -> Profile | None:
    try:
        return find_profile(args.profile, own_profiles(args.config))
    except BadProfile as error:
        SearchTerminal(texts).complain(error.code, data_in_words(error))
        return None


def _about(profile: Profile, texts: Texts) -> Iterator[str]:
    """Where a model comes from and how it was verified."""
    yield f"{profile.id}  {getattr(profile.name, texts.lang)}"
    yield texts.say("model.family", family=profile.family, line=profile.line or "–")
    if profile.unverified:
        yield "▲ " + texts.say("model.is-unverified")
    for doubt in (*unit_faults(profile), *doubtful_addresses(profile)):
        yield "▲ " + texts.say(doubt.code, **doubt.data)
    for source in profile.sources:
        yield texts.say("model.source", document=source.document, url=source.url)


def _points(profile: Profile, texts: Texts) -> str:
    heads = [texts.say(f"model.head-{name}") for name in ("point", "name", "where", "unit")]
    rows = [
        (
            spec.id,
            getattr(spec.name, texts.lang),
            f"{spec.kind} {spec.address} {spec.type}".strip(),
            spec.unit,
        )
        for spec in profile.point
    ]
    return render_table(heads, rows)


def run_check(args: argparse.Namespace) -> int:
    """Try a model on a device; 0 if every point has a good value."""
    texts = Texts.from_environment()
    screen = SearchTerminal(texts, quiet=args.json)
    profile = _find(args, texts)
    if profile is None:
        return 2
    try:
        options = bus_options(args, profile)
        device = device_to_try(args, profile, options)
        exchanges = asyncio.run(_try(options, device))
    except UsageError as error:
        screen.complain(error.code, error.data)
        return 2
    except FieldError as error:
        screen.complain(error.code, error.data)
        return 1
    good = _all_good(exchanges, device)
    if args.json:
        sys.stdout.write(as_json({"ok": good, **_report(profile, exchanges)}))
    else:
        sys.stdout.write("\n".join(_told(profile, exchanges, texts)) + "\n")
        screen.say("model.good" if good else "model.not-good", profile=profile.id)
    return 0 if good else 1


def bus_options(args: argparse.Namespace, profile: Profile) -> Options:
    """The port or gateway that the arguments name; UsageError if they do not fit."""
    line = args.line or profile.line or str(SerialLine())
    try:
        SerialLine.parse(line)
    except ValueError:
        raise UsageError("emulate.bad-line", line=line) from None
    if args.port:
        return SerialOptions(port=args.port, line=line)
    address = args.tcp or args.rtu_over_tcp
    _, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError("emulate.bad-address", address=address)
    if args.tcp:
        return ModbusTcpOptions(address=address)
    return RtuOverTcpOptions(address=address, line=line)


def device_to_try(args: argparse.Namespace, profile: Profile, options: Options) -> Device:
    """The device to try; FieldError if it cannot be read there."""
    device = profile.device("device", args.address, line=options.usual_line)
    try:
        driver = polled_driver(profile.family)
    except KeyError:
        raise UsageError("model.not-polled", profile=profile.id, family=profile.family) from None
    if options.framing not in driver.framings:
        raise UsageError("model.not-there", profile=profile.id, family=profile.family)
    for fault in driver.check(device):
        raise fault
    return device


async def _try(options: Options, device: Device) -> list[TrialExchange]:
    line = options.usual_line
    link = await options.connect(lambda heard: heard)
    try:
        return await try_profile(link, device, line, options.cost(line))
    finally:
        link.close()


def _all_good(exchanges: list[TrialExchange], device: Device) -> bool:
    said = {
        value.sample.point.id
        for exchange in exchanges
        for value in exchange.values
        if value.sample.quality is Quality.GOOD
    }
    return said == {point.id for point in device.points}


def _told(profile: Profile, exchanges: list[TrialExchange], texts: Texts) -> Iterator[str]:
    """Requests and replies as sent, and the meaning of the bytes of each point."""
    names = {spec.id: getattr(spec.name, texts.lang) for spec in profile.point}
    heads = [texts.say(f"model.head-{name}") for name in ("point", "name", "raw", "value")]
    yield from _about(profile, texts)
    for exchange in exchanges:
        yield f"\n→ {exchange.request.hex(' ')}"
        yield f"← {exchange.reply.hex(' ') or '–'}"
        if exchange.fault is not None:
            yield f"✕ {texts.say(exchange.fault.code, **exchange.fault.data)}"
            if exchange.instead:
                yield f"  {texts.say('model.instead')}"
        rows = [
            (each.sample.point.id, names[each.sample.point.id], each.raw.hex(" "), _value(each))
            for each in exchange.values
        ]
        if rows:
            yield render_table(heads, rows, cells_max=_RAW_CELLS_MAX)


def _value(value: TrialValue) -> str:
    sample = value.sample
    shown = "–" if sample.value is None else f"{sample.value} {sample.point.unit}"
    shown = shown.removesuffix(" 1")
    return shown if sample.quality is Quality.GOOD else f"{shown}  ▲ {sample.quality.value}"


def _report(profile: Profile, exchanges: list[TrialExchange]) -> dict[str, Any]:
    return {
        "profile": profile.id,
        "unverified": profile.unverified,
        "source": msgspec.to_builtins(next(iter(profile.sources), None)),
        "sources": msgspec.to_builtins(profile.sources),
        "exchanges": [
            {
                "request": exchange.request.hex(),
                "reply": exchange.reply.hex(),
                "fault": exchange.fault.code if exchange.fault else None,
                "missing": exchange.missing,
                "instead": exchange.instead,
                "points": [
                    {
                        "id": value.sample.point.id,
                        "raw": value.raw.hex(),
                        "count": value.sample.count,
                        "value": value.sample.value,
                        "unit": value.sample.point.unit,
                        "quality": value.sample.quality.value,
                    }
                    for value in exchange.values
                ],
            }
            for exchange in exchanges
        ],
    }

"""`yizhan discover`: the stations on this network."""

import argparse
import asyncio
import contextlib
import sys
from typing import Any

import msgspec

from gateway.discovery.dns_sd import FoundStation
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table

# Long enough for a station on a slow card behind Wi-Fi to answer twice.
LOOK_S, LOOK_S_MAX = 4.0, 3600.0


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "discover", texts)
    parser.add_argument("id", nargs="?", help=texts.say("discover.only"))
    parser.add_argument("--watch", action="store_true", help=texts.say("discover.watch"))
    parser.add_argument("--json", action="store_true", help=texts.say("discover.json"))
    parser.add_argument("--for", type=_seconds, default=LOOK_S, dest="for_s", metavar="S",
                        help=texts.say("discover.for", usual=LOOK_S))  # fmt: skip
    parser.add_argument("--interface", action="append", default=[], metavar="NAME",
                        help=texts.say("discover.interface"))  # fmt: skip
    parser.set_defaults(func=run)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) <= LOOK_S_MAX:
            return seconds
    raise argparse.ArgumentTypeError(Texts.from_environment().say("discover.no-seconds"))


def run(args: argparse.Namespace) -> int:
    """Look; 0, or 1 if nothing was found or there is no network."""
    texts = Texts.from_environment()
    try:
        if args.watch:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(_watch(args, texts))
            return 0
        return asyncio.run(_once(args, texts))
    except OSError as error:
        print(texts.say("discover.no-network", why=error.strerror or error), file=sys.stderr)
        return 1


async def _once(args: argparse.Namespace, texts: Texts) -> int:
    from gateway.discovery.station_browser import find_stations  # noqa: PLC0415  # zeroconf, 5 MB

    if not args.json and sys.stderr.isatty():
        print(texts.say("discover.looking", seconds=args.for_s), file=sys.stderr)
    stations = [
        found
        for found in await find_stations(args.for_s, tuple(args.interface))
        if _wanted(args, found)
    ]
    if args.json:
        print(msgspec.json.encode([_plain(found) for found in stations]).decode())
    elif stations:
        print(_listed(stations, texts))
    else:
        print(texts.say("discover.none", seconds=args.for_s), file=sys.stderr)
    return 0 if stations else 1


async def _watch(args: argparse.Namespace, texts: Texts) -> None:
    from gateway.discovery.station_browser import StationBrowser  # noqa: PLC0415  # zeroconf, 5 MB

    known: dict[str, FoundStation] = {}

    def on_station(instance: str, found: FoundStation | None) -> None:
        former = known.pop(instance, None)
        if found is not None:
            known[instance] = found
        shown = found or former
        if shown is None or found == former or not _wanted(args, shown):
            return
        print(_line(shown, gone=found is None, json=args.json, texts=texts), flush=True)

    async with StationBrowser(on_station, tuple(args.interface)):
        await asyncio.Event().wait()


def _line(found: FoundStation, *, gone: bool, json: bool, texts: Texts) -> str:
    if json:
        return msgspec.json.encode({**_plain(found), "gone": gone}).decode()
    mark, state = ("-", texts.say("discover.gone")) if gone else ("+", _state(found, texts))
    return f"{mark} {found.id}  {found.name}  {state}  {found.url}"


def _listed(stations: list[FoundStation], texts: Texts) -> str:
    heads = [texts.say(f"discover.{head}") for head in ("id", "name", "state", "address", "page")]
    rows = [
        (found.id, found.name, _state(found, texts), " ".join(found.addresses[:2]), found.url)
        for found in stations
    ]
    lines = [render_table(heads, rows)]
    lines += [texts.say("discover.twice", id=each.id) for each in stations if each.is_renamed]
    return "\n".join(lines)


def _state(found: FoundStation, texts: Texts) -> str:
    return texts.say(f"discover.state-{found.state or 'unknown'}", version=found.version)


def _wanted(args: argparse.Namespace, found: FoundStation) -> bool:
    return args.id in (None, found.id, found.name)


def _plain(found: FoundStation) -> dict[str, Any]:
    return {**msgspec.to_builtins(found), "url": found.url}

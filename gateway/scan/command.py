"""`yizhan scan`: find devices on a line or in the air, and print their lines of `station.toml`."""

import argparse
import asyncio
import re
import signal
import sys
from pathlib import Path
from typing import Any

from drivers.bus.kinds import SerialOptions
from drivers.bus.link import BusLink, OnStrayBytes
from drivers.bus.port import serial_ports
from drivers.contract import FieldError, PortHeld
from drivers.profile import Profile
from drivers.profiles import usable_profiles
from drivers.scan.line_scan import LineScan, ScannedDevice, sort_devices
from drivers.scan.probe import family_scanners
from drivers.scan.scan_plan import ScanPlan, ScanRequest
from drivers.serial_line import SerialLine
from gateway.config.load import examine, own_profiles
from gateway.config.paths import config_default
from gateway.errors import UsageError
from gateway.scan.air import AIR_S, scan_air
from gateway.scan.progress import SearchTerminal, as_json
from gateway.scan.toml_lines import bus_lines, device_lines, usual_line
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command

BUS = "meters"
_ADDRESSES_MAX = 247
_RANGE = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "scan", texts)
    say = texts.say
    parser.add_argument("port", nargs="?", help=say("scan.port"))
    parser.add_argument("--ble", action="store_true", help=say("scan.ble"))
    parser.add_argument("--adapter", metavar="hci0", help=say("scan.adapter"))
    parser.add_argument("--seconds", type=float, default=AIR_S, help=say("scan.seconds"))
    parser.add_argument(
        "--family", action="append", default=[], metavar="modbus", help=say("scan.family")
    )
    parser.add_argument(
        "--line", action="append", default=[], metavar="'9600 8N1'", help=say("scan.line")
    )
    parser.add_argument("--address", metavar="1-32,40", help=say("scan.address"))
    parser.add_argument("--thorough", action="store_true", help=say("scan.thorough"))
    parser.add_argument("--wait-ms", type=float, metavar="200", help=say("scan.wait"))
    parser.add_argument("--rs485", action="store_true", help=say("scan.rs485"))
    parser.add_argument(
        "--config", type=Path, default=config_default(), metavar="DIR", help=say("scan.config")
    )
    parser.add_argument("--json", action="store_true", help=say("scan.json"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Search; 0 if anything was found, 1 if not or if the port is taken, 2 for wrong use."""
    texts = Texts.from_environment()
    screen = SearchTerminal(texts, quiet=args.json)
    if args.port is None and not args.ble:
        screen.complain("scan.no-port", {"ports": ", ".join(serial_ports()) or "-"})
        return 2
    try:
        profiles = tuple(usable_profiles(own_profiles(args.config)))
        if args.ble:
            return asyncio.run(scan_air(args.adapter, args.seconds, profiles, screen))
        wanted = scan_request(args)
        return asyncio.run(_Scan(args, wanted, profiles, screen).run())
    except UsageError as error:
        screen.complain(error.code, error.data)
        return 2
    except PortHeld as error:
        screen.complain("scan.held", {"port": args.port, **error.data})
        return 1
    except FieldError as error:
        screen.complain(error.code, error.data)
        return 1


def scan_request(args: argparse.Namespace) -> ScanRequest:
    """What the arguments ask for; UsageError for impossible values."""
    known = [each.family for each in family_scanners()]
    if unknown := [each for each in args.family if each not in known]:
        raise UsageError("scan.bad-family", family=unknown[0], known=", ".join(known))
    try:
        lines = tuple(map(SerialLine.parse, args.line))
    except ValueError as error:
        raise UsageError("emulate.bad-line", line=str(error)) from None
    return ScanRequest(
        families=tuple(args.family),
        lines=lines,
        scopes=parse_addresses(args.address) if args.address else (),
        thorough=args.thorough,
        wait_s=None if args.wait_ms is None else args.wait_ms / 1000,
    )


def parse_addresses(text: str) -> tuple[str, ...]:
    """The addresses of a text like `1-32,40`; UsageError if it names none."""
    found: dict[str, None] = {}
    for part in text.split(","):
        range_ = _RANGE.fullmatch(part.strip())
        first, last = (int(range_[1]), int(range_[2] or range_[1])) if range_ else (0, 0)
        if not 1 <= first <= last <= _ADDRESSES_MAX:
            raise UsageError("emulate.bad-unit", unit=part)
        found.update(dict.fromkeys(map(str, range(first, last + 1))))
    return tuple(found)


class _Scan:
    """One search of a serial line, reported as it proceeds."""

    def __init__(
        self,
        args: argparse.Namespace,
        wanted: ScanRequest,
        profiles: tuple[Profile, ...],
        screen: SearchTerminal,
    ) -> None:
        self._port: str = args.port
        self._screen = screen
        self._bus, self._written = _settings_of(args.config, args.port)
        self._options = SerialOptions(port=args.port, rs485=args.rs485)
        self._search = LineScan(
            self._connect,
            ScanPlan(family_scanners(), profiles, wanted),
            profiles,
            on_found=self._found,
            on_progress=self._screen.progress,
        )

    async def run(self) -> int:
        """Search until done or Ctrl-C, and report what was found either way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        began_s = loop.time()
        await self._search.run()
        took_s = loop.time() - began_s
        self._screen.clear()
        if self._screen.quiet:
            sys.stdout.write(as_json(self._report(took_s)))
        else:
            self._tell(took_s)
        return 0 if self._search.found else 1

    async def _connect(self, tap: OnStrayBytes) -> BusLink:
        """Open the port and say what follows."""
        link = await self._options.connect(tap)
        span = self._screen.span(self._search.estimate_s)
        self._screen.say("scan.begins", port=self._port, span=span)
        return link

    def _stop(self) -> None:
        self._screen.say("scan.stopping")
        self._search.stop()

    def _found(self, found: ScannedDevice) -> None:
        texts = self._screen.texts
        likely = found.matches[:1] if found.is_clear else found.matches
        models = ", ".join(_named(each.profile) for each in likely)
        code = (
            "scan.hit" if found.is_clear else "scan.hit-doubtful" if models else "scan.hit-unknown"
        )
        self._screen.say(
            code,
            family=found.family,
            line=str(found.line),
            address=found.address,
            models=models,
            known=texts.say("scan.known") if found.address in self._written else "",
        )

    def _tell(self, took_s: float) -> None:
        screen, found = self._screen, sort_devices(self._search.found)
        for call in self._search.disturbed:
            screen.say("scan.disturbed", line=str(call.line), address=call.scope)
        new = [each for each in found if each.address not in self._written]
        screen.say("scan.ended", count=len(found), new=len(new), span=screen.span(took_s))
        if new:
            screen.say("scan.paste")
            sys.stdout.write("\n" + self._toml(new))

    def _toml(self, found: list[ScannedDevice]) -> str:
        bus, line = self._bus or BUS, usual_line(found)
        head = [] if self._bus else [bus_lines(bus, self._port, found)]
        return "\n".join(
            [*head, *(device_lines(each, bus, line, self._screen.texts) for each in found)]
        )

    def _report(self, took_s: float) -> dict[str, Any]:
        found = sort_devices(self._search.found)
        return {
            "port": self._port,
            "complete": not self._search.stopped,
            "estimate_s": round(self._search.estimate_s, 1),
            "took_s": round(took_s, 1),
            "questions": self._search.asked,
            "found": [
                {
                    "family": each.family,
                    "line": str(each.line),
                    "address": each.address,
                    "clear": each.is_clear,
                    "known": each.address in self._written,
                    "profiles": [
                        {
                            "id": match.profile.id,
                            "score": round(match.score, 1),
                            "unverified": match.profile.unverified,
                        }
                        for match in each.matches
                    ],
                }
                for each in found
            ],
            "disturbed": [
                {"family": call.scanner.family, "line": str(call.line), "address": call.scope}
                for call in self._search.disturbed
            ],
            "toml": self._toml(found) if found else "",
        }


def _named(profile: Profile) -> str:
    return f"{profile.id} ?" if profile.unverified else profile.id


def _settings_of(config: Path, port: str) -> tuple[str | None, frozenset[str]]:
    """The bus of `station.toml` on this port, if any, and the addresses of its devices."""
    settings, _ = examine(config)
    if settings is None:
        return None, frozenset()
    for bus in settings.buses.values():
        if getattr(bus.options, "port", None) == port:
            written = (each.options.address for each in settings.devices_on(bus.id))
            return bus.id, frozenset(written)
    return None, frozenset()

"""`yizhan`: one program, many commands; only the requested one is imported."""

import argparse
import importlib
import importlib.util
import io
import os
import sys
from pathlib import Path
from typing import Any

from drivers.extensions import extension_folders, load_extension
from gateway import __version__
from gateway.errors import SettingsError, StationError
from gateway.texts import Texts
from gateway.texts.command_parser import localize_argparse

# Each module's `add_to(subcommands)` declares its command and sets `func(args) -> int`.
COMMANDS = {
    "run": "gateway.station.command",
    "demo": "gateway.demo.command",
    "check": "gateway.check",
    "replay": "gateway.replay",
    "emulate": "gateway.demo.emulate",
    "scan": "gateway.scan.command",
    "say": "broadcast.orders.say_command",
    "order": "broadcast.orders.command",
    "profile": "gateway.scan.profile_command",
    "journal": "gateway.journal.command",
    "audio": "broadcast.audio_process.command",
    "voice": "broadcast.voice.command",
    "accounts": "gateway.access.command",
    "meters": "gateway.live.command",
    "alarms": "gateway.desk.alarms.command",
    "requests": "kiosk.desk.command",
    "install": "gateway.install.command",
    "uninstall": "gateway.install.uninstall",
    "discover": "gateway.discovery.command",
    "doctor": "gateway.doctor.command",
    "enrol": "gateway.enrol.command",
    "settings": "gateway.reconfigure.command",
}


def commands() -> dict[str, str | Path]:
    """The module of each command, or its file in `gateway/verbs/` of an extension."""
    folders = extension_folders("gateway", "verbs")
    added = {path.stem: path for folder in folders for path in sorted(folder.glob("*.py"))}
    return {**added, **COMMANDS}


def declare(module: str | Path, subcommands: Any) -> None:
    """Let the module declare its command."""
    made = load_extension(module) if isinstance(module, Path) else importlib.import_module(module)
    made.add_to(subcommands)


# Commands of the distribution `yizhan-tools`, and what it brings that the station has not.
TOOLS = frozenset({"demo", "emulate"})
TOOLS_MODULES = ("gateway.demo", "pymodbus")


def build_parser(asked: str | None, texts: Texts) -> argparse.ArgumentParser:
    """The parser: complete for the requested command, a line of help for the others."""
    parser = argparse.ArgumentParser(
        prog="yizhan",
        description=texts.say("cli.about"),
        epilog=texts.say("cli.examples"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"yizhan {__version__}")
    subcommands = parser.add_subparsers(metavar=texts.say("cli.command"), dest="command")
    for name, module in commands().items():
        if name == asked:
            if name in TOOLS and not all(map(importlib.util.find_spec, TOOLS_MODULES)):
                parser.exit(2, texts.say("cli.no-tools", command=name, version=__version__) + "\n")
            declare(module, subcommands)
        else:
            subcommands.add_parser(name, help=texts.say(f"cli.{name}"), add_help=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a no, 2 wrong use. People never see a traceback."""
    arguments = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese still shows the rest
    asked = next((word for word in arguments if word in commands()), None)
    texts = Texts.from_environment()
    localize_argparse(texts)
    parser = build_parser(asked, texts)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 2
    try:
        code: int = args.func(args)
    except SettingsError as error:
        from gateway.config.mistake_text import mistakes_text  # noqa: PLC0415  # seldom needed

        mistakes = error.data.get("mistakes", ())
        print(mistakes_text(mistakes, texts) if mistakes else _said(error, texts), file=sys.stderr)
        return 2
    except StationError as error:
        print(_said(error, texts), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _refused(error, texts)
    return code


def _said(error: StationError, texts: Texts) -> str:
    """What went wrong, and what to do about it."""
    said, remedy = texts.say(error.code, **error.data), texts.remedy(error.code, **error.data)
    return said if remedy is None else f"{said}\n    → {remedy}"


def _refused(error: OSError, texts: Texts) -> int:
    """Report a file or folder that cannot be used; other errors are ours."""
    if isinstance(error, BrokenPipeError):  # our reader went away: `yizhan journal tail | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if error.filename is None:
        raise error
    print(texts.say("cli.no-file", path=error.filename, why=error.strerror), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""`yizhan audio`: the audio process, in the foreground."""

import argparse
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from broadcast.speakers.devices import find_audio_devices
from gateway import logs
from gateway.clock import boot
from gateway.errors import Unavailable
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "audio", texts)
    parser.add_argument("--socket", type=Path, metavar="PATH", help=texts.say("audio.socket"))
    parser.add_argument(
        "--leave-after", type=float, metavar="S", help=texts.say("audio.leave-after")
    )
    parser.add_argument("--devices", action="store_true", help=texts.say("audio.devices"))
    parser.add_argument("--json", action="store_true", help=texts.say("audio.json"))
    parser.add_argument("-v", "--verbose", action="store_true", help=texts.say("audio.verbose"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM, or until it is not needed; 1 if another process has the socket.

    With `--devices`, list sound cards and microphones instead; 1 if there are none.
    """
    if args.devices:
        return _list(Texts.from_environment(), as_json=args.json)
    logs.set_up_logging(verbose=args.verbose, stamped=False)
    try:
        from broadcast.audio_process.process import AudioProcess  # noqa: PLC0415  # only when it really runs
    except ModuleNotFoundError as error:
        raise Unavailable("audio.not-installed", module=error.name) from error
    folder, emptied = boot.run_directory(os.environ, Path("state"))
    path = args.socket or folder / "audio.sock"
    boot_id = boot.read_boot_id(path.parent, boot.kernel_boot_id(), emptied=emptied)
    process = AudioProcess(path, boot_id, args.leave_after)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.end())
    if not process.realtime:
        logging.getLogger(__name__).warning(Texts.from_environment().say("audio.no-realtime"))
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be scanned between two frames
    _notify("READY=1")
    process.run(lambda: _notify("WATCHDOG=1"))
    return 0


def _list(texts: Texts, *, as_json: bool) -> int:
    try:
        found = find_audio_devices()
    except ModuleNotFoundError as error:
        raise Unavailable("audio.not-installed", module=error.name) from error
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    elif not found:
        print(texts.say("audio.no-devices"))
    else:
        yes = texts.say("audio.yes")
        rows = [(one.name, yes * one.plays, yes * one.records) for one in found]
        heads = [texts.say(f"audio.head-{word}") for word in ("device", "plays", "records")]
        print(render_table(heads, rows, cells_max=80))
    return 0 if found else 1


def _notify(state: str) -> None:
    """Notify systemd, if it asked for it (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_UNIX, kind) as link, contextlib.suppress(OSError):
        link.sendto(state.encode(), address)  # whether or not systemd listens, the clock goes on

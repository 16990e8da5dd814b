"""`yizhan run`: the station, in the foreground."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

from gateway import logs
from gateway.config.paths import config_default, state_default
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command

log = logging.getLogger(__name__)


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "run", texts, code="station")
    parser.add_argument("--config", type=Path, default=config_default(), metavar="DIR",
                        help=texts.say("station.config"))  # fmt: skip
    parser.add_argument("--state", type=Path, default=None, metavar="DIR",
                        help=texts.say("station.state"))  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help=texts.say("station.verbose"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; 0 then, 1 when the disk failed, 2 for unusable settings."""
    logs.set_up_logging(verbose=args.verbose)
    from gateway.station.disk_threads import left_behind  # noqa: PLC0415  # as above
    from gateway.station.process import (  # noqa: PLC0415  # only when it really runs
        RESTART,
        run_station,
    )

    state = args.state or state_default(args.config)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:  # no disk: what lives in memory lives
        log.error("%s cannot be made: %s", state, error.strerror)  # noqa: TRY400  # said whole
    code = asyncio.run(run_station(args.config, state))
    sys.stderr.flush()
    if code == RESTART:
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # ourselves, as we were called
    if left_behind():
        os._exit(code)  # the interpreter would wait for a thread that waits for the disk
    return code

"""`yizhan toy`: prints what it was given."""

import argparse
import sys
from typing import Any

from gateway.texts import Texts
from gateway.texts.command_parser import declare_command


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    parser = declare_command(subcommands, "toy", Texts.from_environment())
    parser.add_argument("word")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    sys.stdout.write(f"{args.word}\n")
    return 0

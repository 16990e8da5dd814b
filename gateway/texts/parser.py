"""The one way to declare a command: its help, its page and its examples from the catalogue."""

import argparse
from typing import Any

from gateway.texts import Texts


def declare(
    subcommands: Any, name: str, texts: Texts, *, code: str | None = None
) -> argparse.ArgumentParser:
    """`cli.<name>` is its line in the list, `<code>.about` and `<code>.examples` its own page.

    `code` is the name where nothing else is given.
    """
    code = code or name
    parser: argparse.ArgumentParser = subcommands.add_parser(
        name,
        help=texts.say(f"cli.{name}"),
        description=texts.say(f"{code}.about"),
        epilog=texts.say(f"{code}.examples"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser

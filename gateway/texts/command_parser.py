"""The one way to declare a command: its help, its page and its examples from the catalogue."""

import argparse
from typing import Any

from gateway.texts import Texts

# What argparse says by itself, and where the catalogue has it; the rest stays English.
OWN = {
    "usage: ": "usage.usage",
    "positional arguments": "usage.positional",
    "options": "usage.options",
    "show this help message and exit": "usage.help",
    "%(prog)s: error: %(message)s\n": "usage.error",
    "the following arguments are required: %s": "usage.required",
    "argument %(argument_name)s: %(message)s": "usage.argument",
    "expected one argument": "usage.expected-one",
    "expected at least one argument": "usage.expected-some",
    "invalid %(type)s value: %(value)r": "usage.invalid",
    "invalid choice: %(value)r (choose from %(choices)s)": "usage.choice",
    "unrecognized arguments: %s": "usage.unrecognized",
    "not allowed with argument %s": "usage.not-with",
    "one of the arguments %s is required": "usage.one-of",
}


def localize_argparse(texts: Texts) -> None:
    """Let argparse speak that language from now on: its own sentences go through its `_`."""
    said = {own: texts.say(code) for own, code in OWN.items()}
    argparse._ = lambda own: said.get(own, own)  # type: ignore[attr-defined]


def declare_command(
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

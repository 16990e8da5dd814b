"""Declares commands: their help, description and examples come from the catalogue."""

import argparse
from typing import Any

from gateway.texts import Texts

# argparse's own messages with a translation in the catalogue; the rest stays English.
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
    """Translate argparse's own messages from now on, through its `_`."""
    said = {own: texts.say(code) for own, code in OWN.items()}
    argparse._ = lambda own: said.get(own, own)  # type: ignore[attr-defined]


def declare_command(
    subcommands: Any, name: str, texts: Texts, *, code: str | None = None
) -> argparse.ArgumentParser:
    """Declare a command: its line is `cli.<name>`, its page `<code>.about` and `<code>.examples`.

    `code` defaults to the name.
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

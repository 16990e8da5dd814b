"""Settings files: strict, and every mistake is told at once, with file, line, key and remedy.

    toml.py     reads a file, whatever somebody put there, into a `TomlDocument`
    lines.py    in which line each key stands
    decode.py   turns tables into the rooms' `Options`, collecting mistakes
    expect.py   what a type expects, in words that the catalogues know
    edit.py     changes a file so that comments survive

Nothing here knows a section: the roof assembles them (`gateway/config/schema.py`).
"""

from gateway.toml.decoder import Decoder, hint
from gateway.toml.document import (
    Mistake,
    Phrase,
    TomlDocument,
    dotted_key,
    parse,
    read,
    settings_error,
)
from gateway.toml.edits import edit_file, edit_text, replace_file
from gateway.toml.key_lines import KeyPath

__all__ = [
    "Decoder",
    "KeyPath",
    "Mistake",
    "Phrase",
    "TomlDocument",
    "dotted_key",
    "edit_file",
    "edit_text",
    "hint",
    "parse",
    "read",
    "replace_file",
    "settings_error",
]

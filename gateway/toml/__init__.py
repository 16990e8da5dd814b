"""Settings files: read strictly, with every mistake reported at once: file, line, key and remedy.

`document.py` reads a file, `decoder.py` turns its tables into the rooms' `Options`, `edits.py`
changes a file so that comments survive. No section is known here: `gateway/config/schema.py`
assembles them.
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

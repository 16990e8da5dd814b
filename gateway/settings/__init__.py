"""Settings files: strict, and every mistake is told at once, with file, line, key and remedy.

    toml.py     reads a file, whatever somebody put there, into a `Document`
    lines.py    in which line each key stands
    decode.py   turns tables into the rooms' `Options`, collecting mistakes
    expect.py   what a type expects, in words that the catalogues know
    edit.py     changes a file so that comments survive

Nothing here knows a section: the roof assembles them (`gateway/appliance/schema.py`).
"""

from gateway.settings.decode import Decoder, hint
from gateway.settings.edit import edit, edited, replace
from gateway.settings.lines import KeyPath
from gateway.settings.toml import Document, Mistake, Phrase, dotted, parse, read, wrong

__all__ = [
    "Decoder",
    "Document",
    "KeyPath",
    "Mistake",
    "Phrase",
    "dotted",
    "edit",
    "edited",
    "hint",
    "parse",
    "read",
    "replace",
    "wrong",
]

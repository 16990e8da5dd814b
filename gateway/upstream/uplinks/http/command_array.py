"""Splits an answer into commands. Pure.

A command that is not valid JSON is split off by its brackets and quotes, so that it alone is
refused and the commands beside it are carried out.
"""

import re

import msgspec

from gateway.errors import BadReceipt

NO_COMMANDS = "upstream.no-commands"

# Brackets and quotes looked at in one answer: bounds the time that the event loop is held.
MARKS_MAX = 500_000

_array = msgspec.json.Decoder(list[msgspec.Raw])
_MARK = re.compile(rb'["\\\[\]{},]')


def split_commands(body: bytes) -> list[bytes]:
    """The elements of a JSON array, in order; BadReceipt if none can be split off."""
    try:
        return [bytes(raw) for raw in _array.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _cut(body.strip())
        if not found:
            raise BadReceipt(NO_COMMANDS, reason=str(error)) from error
        return found


def _cut(body: bytes) -> list[bytes]:
    """Objects of an array that does not decode; a last one that is cut off is left out."""
    if not body.startswith(b"["):
        return []
    found: list[bytes] = []
    depth, begin, quoted, at = 0, 1, False, 0
    for _ in range(MARKS_MAX):
        if (mark := _MARK.search(body, at)) is None:
            break
        at, sign = mark.end(), mark[0]
        if sign == b"\\":
            at += quoted  # whatever it is that follows
        elif sign == b'"':
            quoted = not quoted
        elif not quoted and sign in b"[{":
            depth += 1
        elif not quoted and sign in b"]}":
            depth -= 1
        if not quoted and ((depth == 1 and sign == b",") or (depth == 0 and sign == b"]")):
            found.append(body[begin : mark.start()].strip())
            begin = at
        if depth == 0:
            break
    return [item for item in found if item]

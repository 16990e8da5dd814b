"""The commands in an answer, each by itself. Pure.

A command that is no JSON is cut out of the answer like any other, as far as its brackets and
quotes tell where it ends: what is wrong with it is then said of it alone, and the commands beside
it are carried out.
"""

import re

import msgspec

from gateway.errors import BadReceipt

NO_COMMANDS = "upstream.no-commands"

# Brackets and quotes that are looked at: beyond them lies no answer, and the loop must go on.
MARKS_MAX = 500_000

_array = msgspec.json.Decoder(list[msgspec.Raw])
_MARK = re.compile(rb'["\\\[\]{},]')


def split_commands(body: bytes) -> list[bytes]:
    """The elements of a JSON array, in order; BadReceipt if it is none, or holds none to read."""
    try:
        return [bytes(raw) for raw in _array.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _cut(body.strip())
        if not found:
            raise BadReceipt(NO_COMMANDS, reason=str(error)) from error
        return found


def _cut(body: bytes) -> list[bytes]:
    """Objects of an array that does not decode; what an answer breaks off in is left out."""
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

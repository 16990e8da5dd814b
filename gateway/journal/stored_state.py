"""Loads a room's state at a start; rows that cannot be read are set aside.

The room goes on without them. A row may be of another release, or somebody edited the file; neither
may prevent a start. Such a row moves to the room `set-aside`, where the doctor's bundle finds it,
and is reported once as a fault of `state.<room>`.
"""

import base64
import contextlib
import hashlib
import logging
import re
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from gateway.errors import JournalError, UsageError
from gateway.journal.options import STATE_BYTES_MAX, StateChange
from gateway.journal.ports import StateStore, Ticket

log = logging.getLogger(__name__)

# The room of the rows that could not be read.
SET_ASIDE = "set-aside"

SET_ASIDE_MAX = 64
# How many rows are kept (the newest), and how much of each body.
SET_ASIDE_BYTES_MAX = 16 * 1024

# Why a salvage sets a row aside: its checksum fails.
CHECKSUM = "checksum"

SHOWN_MAX = 1024
# Rooms whose rows may identify a person.
PEOPLE = frozenset({"access", "requests", "audit"})

UNKNOWN_ROOM = "unknown"
# Neither personal keys nor bodies match: a name that has run into them is not shown.
_ROOM = re.compile(r"[a-z0-9._-]{1,64}")

INTEGER_MAX = 2**63 - 1
# No boot lasts this long, and no wall clock of ours shows 2116.
INSTANT_NS_MAX = 2**62

T = TypeVar("T")
# Decodes a row from its key and body; any exception means that it cannot be read.
DecodeRow = Callable[[str, bytes], T]


class SetAsideRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row that could not be read. `body` is base64; `cut`: it was longer.

    `told`: False if a salvage found it, and it is not reported yet.
    """

    room: str
    key: str
    why: str
    body: str
    cut: bool = False
    told: bool = True


async def load_state(journal: StateStore, room: str, decode: DecodeRow[T]) -> dict[str, T]:
    """The room's rows by key, decoded; those that cannot be read are set aside and reported."""
    good: dict[str, T] = {}
    bad: dict[str, SetAsideRow] = {}
    for key, body in (await journal.load(room)).items():
        try:
            good[key] = _sized(decode, key, body)
        except Exception as error:  # noqa: BLE001   # whatever a row of unknown origin causes
            bad[key] = _aside(room, key, body, type(error).__name__)
    if bad:
        await _set_aside(journal, room, bad)
    return good


async def has_stored_row(journal: StateStore, room: str, key: str) -> bool:
    """Whether the room ever had that row: it is present, or was set aside at some start.

    Call it before `load_state`: a missing row means a fresh room only if there never was one.
    """
    if key in await journal.load(room):
        return True
    return f"{room}/{key}" in await journal.load(SET_ASIDE)


def _sized(decode: DecodeRow[T], key: str, body: bytes) -> T:
    if len(body) > STATE_BYTES_MAX:
        raise OverflowError
    return decode(key, body)


def _aside(room: str, key: str, body: bytes, why: str) -> SetAsideRow:
    kept = base64.b64encode(body[:SET_ASIDE_BYTES_MAX]).decode()
    return SetAsideRow(room, key, why, kept, cut=len(body) > SET_ASIDE_BYTES_MAX)


async def _set_aside(journal: StateStore, room: str, bad: Mapping[str, SetAsideRow]) -> None:
    """Move the rows; if the journal refuses, the next start tries again."""
    newest = dict(list(bad.items())[-SET_ASIDE_MAX:])
    gone = _gives_way(await journal.load(SET_ASIDE), {f"{room}/{key}" for key in newest})
    try:
        _offer(journal, [StateChange(SET_ASIDE, key, None) for key in gone])
        for key, row in bad.items():
            moved = [StateChange(room, key, None)]
            if key in newest:
                body = msgspec.json.encode(row)
                moved.append(StateChange(SET_ASIDE, f"{room}/{key}", body))
            _offer(journal, moved)
    except JournalError as error:
        log.warning("rows of %s that cannot be read stay where they are: %s", room, error)
    for row in bad.values():
        journal.on_set_aside(f"state.{room}", row.why)


def _gives_way(kept: Iterable[str], new: Collection[str]) -> list[str]:
    """The oldest of the kept rows, if there would be too many."""
    others = [key for key in kept if key not in new]
    return others[: max(0, len(others) + len(new) - SET_ASIDE_MAX)]


def set_aside_spoilt(
    rows: Mapping[tuple[str, str], bytes], kept: Iterable[str]
) -> tuple[StateChange, ...]:
    """For a salvage: set rows aside whose checksum fails, beside those `kept` so far."""
    newest = {
        f"{room}/{key}": msgspec.structs.replace(_aside(room, key, body, CHECKSUM), told=False)
        for (room, key), body in rows.items()
        if room != SET_ASIDE
    }
    newest = dict(list(newest.items())[-SET_ASIDE_MAX:])
    return (
        *(StateChange(SET_ASIDE, key, None) for key in _gives_way(kept, newest)),
        *(StateChange(SET_ASIDE, key, msgspec.json.encode(row)) for key, row in newest.items()),
    )


async def report_spoilt(journal: StateStore) -> None:
    """Report, once, which rows a salvage has set aside."""
    with contextlib.suppress(JournalError):  # otherwise the next start reports it
        for key, row in (await _rows_aside(journal)).items():
            if not row.told:
                journal.on_set_aside(f"state.{_room_told(row)}", row.why)
                told = msgspec.json.encode(msgspec.structs.replace(row, told=True))
                _offer(journal, [StateChange(SET_ASIDE, key, told)])


async def _rows_aside(journal: StateStore) -> dict[str, SetAsideRow]:
    decode = json_decoder(SetAsideRow)
    found: dict[str, SetAsideRow] = {}
    for key, body in (await journal.load(SET_ASIDE)).items():
        with contextlib.suppress(Exception):  # it was damaged where it was stored
            found[key] = _sized(decode, key, body)
    return found


def _offer(journal: StateStore, changes: list[StateChange]) -> None:
    if changes:
        journal.offer([], changes).add_done_callback(ignore_refusal)


def ignore_refusal(ticket: Ticket) -> None:
    """Ignore a refusal: the next start meets the rows again."""
    if not ticket.cancelled():
        ticket.exception()


async def list_set_aside(journal: StateStore) -> tuple[SetAsideRow, ...]:
    """The rows that could not be read, for diagnosis, without personal data.

    Each with the beginning of its body; for rooms with personal data, and for rows whose
    checksum fails (their room's name may be damaged), only that they exist.
    """
    return tuple(_shown(row) for row in (await _rows_aside(journal)).values())


def _room_told(row: SetAsideRow) -> str:
    return row.room if _ROOM.fullmatch(row.room) else UNKNOWN_ROOM


def _shown(row: SetAsideRow) -> SetAsideRow:
    if row.why == CHECKSUM:
        return msgspec.structs.replace(row, room=_room_told(row), key="", body="", cut=True)
    if row.room in PEOPLE:
        return msgspec.structs.replace(row, key=row.key.partition("/")[0], body="", cut=True)
    if len(row.body) > SHOWN_MAX:
        return msgspec.structs.replace(row, body=row.body[:SHOWN_MAX], cut=True)
    return row


def require_readable(decode: DecodeRow[T], key: str, body: bytes, of: Any = None) -> bytes:
    """The body if it can be decoded under that key; UsageError otherwise.

    `of` is the value that it encodes, to detect what JSON cannot express, such as NaN.
    """
    try:
        check_bounds(of)
        _sized(decode, key, body)
    except Exception as error:  # whatever would make a start set the row aside
        raise UsageError("journal.unreadable", why=type(error).__name__) from error
    return body


def log_set_aside(where: str, why: str) -> None:
    """Only log it: for a journal without a station."""
    log.error("a row of %s cannot be read and is set aside: %s", where, why)


def json_decoder(shape: Any) -> DecodeRow[Any]:
    """A decoder of JSON rows of that type, with bounded numbers."""
    decoder = msgspec.json.Decoder(shape)
    return lambda _, body: check_bounds(decoder.decode(body))


def lenient_json_decoder(shape: Any) -> DecodeRow[Any]:
    """The same for types that forbid unknown fields: fields of later releases are dropped."""
    decoder = msgspec.json.Decoder(shape)

    def decode(_: str, body: bytes) -> Any:
        try:
            return check_bounds(decoder.decode(body))
        except msgspec.ValidationError:
            return check_bounds(msgspec.convert(_known(shape, msgspec.json.decode(body)), shape))

    return decode


def _known(shape: Any, value: Any) -> Any:
    """The value without fields that its type does not have."""
    arguments = [each for each in typing.get_args(shape) if each is not type(None)]
    if typing.get_origin(shape) is typing.Annotated:
        return _known(arguments[0], value)
    if isinstance(value, list) and arguments:
        return [_known(arguments[0], each) for each in value]
    if isinstance(value, dict) and arguments:
        return _known(arguments[0], value)
    if isinstance(value, dict) and isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
        return {name: _known(fields[name], value[name]) for name in fields.keys() & value.keys()}
    return value


def msgpack_decoder(shape: Any) -> DecodeRow[Any]:
    """A decoder of MessagePack rows of that type, with bounded numbers."""
    decoder = msgspec.msgpack.Decoder(shape)
    return lambda _, body: check_bounds(decoder.decode(body))


def unused_number(now_ns: int) -> int:
    """A number that was certainly not issued, if the counter is lost: milliseconds of boot.

    An id that is issued twice would be refused as known, even an emergency's.
    """
    return now_ns // 1_000_000


def start_id(epoch: str, boot: str, now_ns: int) -> str:
    """Eight hex digits for ids, different for each start of the station.

    Alarms and calls act beside their record. A kill may lose the record, and the counter in the
    state would then issue the same number again.
    """
    seed = f"{epoch}/{boot}/{now_ns}".encode()
    return hashlib.blake2b(seed, digest_size=4).hexdigest()


def parse_number(body: bytes, most: int = INSTANT_NS_MAX) -> int:
    """Parse a whole number from 0 to `most`, in ASCII; ValueError otherwise."""
    found = int(body.decode("ascii"))
    if not 0 <= found <= most:
        raise ValueError
    return found


def check_bounds(value: T) -> T:
    """The value if all its numbers are in range; ValueError otherwise.

    A field whose name ends in `_ns` is an instant or a duration: never negative.
    """
    _check(value, instant=False)
    return value


def _check(value: Any, *, instant: bool) -> None:
    match value:
        case int() | float():
            least, most = (0, INSTANT_NS_MAX) if instant else (-INTEGER_MAX, INTEGER_MAX)
            if not least <= value <= most:  # also rejects NaN
                raise ValueError
        case msgspec.Struct():
            for name in value.__struct_fields__:
                _check(getattr(value, name), instant=name.endswith("_ns"))
        case dict():
            _check([*value, *value.values()], instant=False)
        case list() | tuple():
            for inner in value:
                _check(inner, instant=instant)

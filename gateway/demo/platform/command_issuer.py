"""Commands to stations, in every manner in which one can be right or wrong."""

import asyncio
import datetime
import json
import secrets
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from gateway.demo.platform.cloudevents import RECEIPT_TYPE, ReceivedEvent
from gateway.demo.platform.signing_keys import CommandSigner
from gateway.demo.platform.store import CommandAnswer, CommandRow, CommandStep, PlatformStore

TTL_S_MAX = 86_400
COUNT_MAX = 10_000
PAD_BYTES_MAX = 1 << 20
ANSWER_COMMANDS_MAX = 32
ANSWER_BYTES_MAX = 4 << 20
AGAIN_MAX = 64
LATE_LIFE_MS = 60_000


# Where a station goes on: behind a command's id, or behind the number of a cursor.
JsonKey = str | int


class CommandForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page or a test asks for.

    `ttl_s` below 0 has expired already. `names` is the station that the command says it is for, if
    another. `count` different ones are made, each is handed out `times` times; `pad_bytes` of
    nothing make it large.
    """

    station: str
    kind: str
    data: dict[str, Any] = {}
    ttl_s: float = 60.0
    manner: Literal["signed", "unsigned", "forged"] = "unsigned"
    names: str | None = None
    times: int = 1
    count: int = 1
    pad_bytes: int = 0


class CommandIssuer:
    """Issues commands, hands them to stations that poll, notes their receipts."""

    def __init__(self, store: PlatformStore, hand: CommandSigner) -> None:
        self._store = store
        self._hand = hand
        self._issued = asyncio.Event()
        self._again: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=AGAIN_MAX))
        self._last_ms = 0

    def issue(self, form: CommandForm) -> str:
        """Keep new commands; the id of the last. UsageError for data that cannot be signed."""
        rows = [self._row(form) for _ in range(min(max(form.count, 1), COUNT_MAX))]
        self._store.order(rows, _manner(form), time.time_ns() // 1_000_000)
        self._again[form.station].extend(
            row[4] for row in rows for _ in range(min(form.times, AGAIN_MAX) - 1)
        )
        self._wake()
        return rows[-1][0]

    def reissue(self, command_id: str) -> bool:
        """Hand a command out once more, whatever became of it; False if there is none."""
        found = self._store.find(command_id)
        if found is not None:
            self._again[found.station].append(found.body)
            self._wake()
        return found is not None

    async def pending(self, station: str, place: JsonKey, wait_s: float) -> tuple[list[bytes], str]:
        """What that station has not finished from there on, and the cursor; waits for the first.

        The cursor is the number under which a command was kept: ids of several servers need not
        come in order, these do. By ids one is given only once all has been handed out.
        """
        look = self._by_id if isinstance(place, str) else self._by_number
        found, cursor = look(station, place)
        try:
            async with asyncio.timeout(wait_s):
                while not found:
                    await self._issued.wait()
                    found, cursor = look(station, place)
        except TimeoutError:
            pass
        return found, cursor

    def knows(self, number: int) -> bool:
        """Whether that cursor can be one of ours; not after the store was put back."""
        return 0 <= number <= self._store.newest()

    def record_answer(self, events: Iterable[ReceivedEvent]) -> None:
        """Note the receipts for commands among a station's events."""
        heard = [event for event in events if event.type == RECEIPT_TYPE]
        if heard:
            self._store.answered([_answered(event) for event in heard])
        for event in heard:
            self._hear_rotation(event)

    def _hear_rotation(self, event: ReceivedEvent) -> None:
        order = self._store.find(event.data["of"])
        if order is None or order.kind != "key.rotate" or event.data["state"] != "done":
            return
        self._hand.rotated(order.station, str((event.data.get("detail") or {}).get("key")))

    def _row(self, form: CommandForm) -> CommandRow:
        # Never two in one millisecond: stations ask for what comes after the id they had last.
        now_ms = time.time_ns() // 1_000_000
        id_ms = self._last_ms = max(now_ms, self._last_ms + 1)
        expires_ms = now_ms + int(min(form.ttl_s, TTL_S_MAX) * 1000)
        command_id = uuid7(id_ms)
        command = {
            "id": command_id,
            "kind": form.kind,
            "station": form.names or form.station,
            "issued": rfc3339(min(now_ms, expires_ms - LATE_LIFE_MS * (form.ttl_s <= 0))),
            "expires": rfc3339(expires_ms),
            "data": self._data(form),
        }
        body = json.dumps(self._signed(command, form), ensure_ascii=False).encode()
        return command_id, form.station, form.kind, expires_ms, body

    def _data(self, form: CommandForm) -> dict[str, Any]:
        data = form.data
        if form.kind == "key.rotate" and not data:
            data = self._hand.rotation(form.station)
        if form.pad_bytes > 0:
            data = {**data, "padding": "0" * min(form.pad_bytes, PAD_BYTES_MAX)}
        return data

    def _signed(self, command: dict[str, Any], form: CommandForm) -> dict[str, Any]:
        if form.manner == "signed":
            return self._hand.sign(command, form.station)
        return self._hand.forge(command) if form.manner == "forged" else command

    def _by_id(self, station: str, after: JsonKey) -> tuple[list[bytes], str]:
        newest = self._store.newest()
        rows = self._store.open_orders(station, str(after), ANSWER_COMMANDS_MAX)
        found = _fitting([row.body for row in rows])
        whole = len(found) == len(rows) < ANSWER_COMMANDS_MAX
        return self._with_again(station, found), str(newest) if whole else ""

    def _by_number(self, station: str, number: JsonKey) -> tuple[list[bytes], str]:
        rows = self._store.open_since(station, int(number), ANSWER_COMMANDS_MAX)
        found = _fitting([row.body for _, row in rows])
        cursor = str(rows[len(found) - 1][0] if found else number)
        return self._with_again(station, found), cursor

    def _with_again(self, station: str, found: list[bytes]) -> list[bytes]:
        again = self._again[station]
        while again and len(found) < ANSWER_COMMANDS_MAX:
            found.append(again.popleft())
        return found

    def _wake(self) -> None:
        self._issued.set()
        self._issued = asyncio.Event()


def _fitting(bodies: list[bytes]) -> list[bytes]:
    """As many of them as one answer may hold."""
    found: list[bytes] = []
    for body in bodies:
        if found and sum(map(len, found)) + len(body) > ANSWER_BYTES_MAX:
            break
        found.append(body)
    return found


def _manner(form: CommandForm) -> str:
    """The manner in one word a peculiarity, as the page tells it."""
    said: list[str] = [form.manner]
    said += ["late"] * (form.ttl_s <= 0)
    said += ["elsewhere"] * (form.names not in (None, form.station))
    said += ["twice"] * (form.times > 1)
    said += ["large"] * (form.pad_bytes > 0)
    return " ".join(said)


def _answered(event: ReceivedEvent) -> CommandAnswer:
    detail = event.data.get("detail")
    step = CommandStep(
        time.time_ns() // 1_000_000,
        str(event.data["state"]),
        event.data.get("reason_code") or "",
        "" if detail is None else json.dumps(detail, ensure_ascii=False),
    )
    return CommandAnswer(str(event.data["of"]), step, event.id)


def uuid7(now_ms: int) -> str:
    """A UUID that sorts by time (RFC 9562, version 7)."""
    value = now_ms << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | secrets.randbits(62)))


def rfc3339(now_ms: int) -> str:
    """UTC with milliseconds."""
    moment = datetime.datetime.fromtimestamp(now_ms / 1000, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

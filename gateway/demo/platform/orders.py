"""Commands to stations, and what became of them."""

import asyncio
import datetime
import json
import secrets
import time
import uuid
from typing import Any

import msgspec

from gateway.demo.platform.store import Store
from gateway.demo.platform.wire import RECEIPT_TYPE, Arrival

TTL_S_MAX = 86_400
FINAL = frozenset({"done", "failed", "refused", "expired"})


class OrderForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page or a test asks for."""

    station: str
    kind: str
    data: dict[str, Any] = {}
    ttl_s: float = 60.0


class Orders:
    """Issues commands, hands them to stations that poll, notes their receipts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._issued = asyncio.Event()
        self._last_ms = 0

    def issue(self, form: OrderForm) -> str:
        """Keep a new command; its id."""
        # Never two in one millisecond: stations ask for what comes after the id they had last.
        now_ms = self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        expires_ms = now_ms + int(min(form.ttl_s, TTL_S_MAX) * 1000)
        command_id = uuid7(now_ms)
        body = {
            "id": command_id,
            "kind": form.kind,
            "station": form.station,
            "issued": rfc3339(now_ms),
            "expires": rfc3339(expires_ms),
            "data": form.data,
        }
        row = (command_id, form.station, form.kind, expires_ms, json.dumps(body).encode())
        self._store.order(row)
        self._issued.set()
        self._issued = asyncio.Event()
        return command_id

    async def pending(self, station: str, after: str, wait_s: float) -> list[bytes]:
        """What that station has not finished, issued after `after`; waits for the first."""
        try:
            async with asyncio.timeout(wait_s):
                while not (found := self._pending(station, after)):
                    await self._issued.wait()
        except TimeoutError:
            return []
        return found

    def hear(self, event: Arrival) -> None:
        """Note a station's receipt for a command."""
        if event.type != RECEIPT_TYPE or event.data["state"] == "duplicate":
            return
        detail = json.dumps(event.data.get("detail"), ensure_ascii=False)
        self._store.answered(
            event.data["of"], event.data["state"], event.data.get("reason_code") or "", detail
        )

    def _pending(self, station: str, after: str) -> list[bytes]:
        now_ms = time.time_ns() // 1_000_000
        return [
            row.body
            for row in reversed(self._store.orders())
            if row.station == station
            and row.id > after
            and row.state not in FINAL
            and row.expires_ms > now_ms
        ]


def uuid7(now_ms: int) -> str:
    """A UUID that sorts by time (RFC 9562, version 7)."""
    value = now_ms << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | secrets.randbits(62)))


def rfc3339(now_ms: int) -> str:
    """UTC with milliseconds."""
    moment = datetime.datetime.fromtimestamp(now_ms / 1000, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

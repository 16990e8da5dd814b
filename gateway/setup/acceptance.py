"""The acceptance records: who compared or heard what, when, and by which clock.

They are facts about the installation, not settings, so they are kept in the journal's state; each
act is also in the audit.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from gateway.clock import Clock
from gateway.errors import UsageError
from gateway.event import Trust
from gateway.journal import Journal, StateChange, load_state
from gateway.journal.stored_state import json_decoder, require_readable

AcceptanceState = Literal["agrees", "differs", "heard", "unheard"]

ROOM = "setup"
RECORDS_MAX = 2000


class AcceptanceRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person has confirmed, or what did not agree.

    `ours` and `shown` are the two values; `factor` is by how much ours was too large. `who` is an
    account's id. If the time was unknown, `boot` and `at_ns` date the record once the clock of that
    boot is set.
    """

    state: AcceptanceState
    who: str
    wall_ns: int | None
    trust: Trust
    ours: str = ""
    shown: str = ""
    factor: float | None = None
    boot: str = ""
    at_ns: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing needs another look."""
        return self.state in {"agrees", "heard"}


_decoded = json_decoder(AcceptanceRecord)


class AcceptanceRecords:
    """The records by subject: `em-b3.power_w`, `di-b3.smoke`, `speaker.horn-b3`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Empty until `load`."""
        self._journal = journal
        self._clock = clock
        self._records: dict[str, AcceptanceRecord] = {}

    async def load(self) -> None:
        """Read the stored records."""
        self._records = await load_state(self._journal, ROOM, _decoded)

    @property
    def all(self) -> Mapping[str, AcceptanceRecord]:
        return self._records

    def get(self, key: str) -> AcceptanceRecord | None:
        return self._records.get(key)

    async def keep(self, key: str, record: AcceptanceRecord) -> None:
        """Store a record in place of the one before."""
        if key not in self._records and len(self._records) >= RECORDS_MAX:
            raise UsageError("setup.too-many", max=RECORDS_MAX)
        body = require_readable(_decoded, key, msgspec.json.encode(record), record)
        await self._journal.append([], [StateChange(ROOM, key, body)])
        self._records[key] = record

    async def forget(self, there: Collection[str]) -> None:
        """Remove records of devices and speakers that the settings no longer have."""
        gone = [key for key in self._records if key.partition(".")[0] not in there]
        if gone:
            await self._journal.append([], [StateChange(ROOM, key, None) for key in gone])
            for key in gone:
                del self._records[key]

    def new_record(self, state: AcceptanceState, who: str, **more: Any) -> AcceptanceRecord:
        """A record dated now."""
        stamps = self._clock.stamp()
        return AcceptanceRecord(
            state,
            who,
            stamps.wall_ns,
            stamps.trust,
            boot=self._clock.boot,
            at_ns=self._clock.now_ns(),
            **more,
        )

    def time_of(self, record: AcceptanceRecord) -> tuple[int | None, Trust]:
        """Its time and the source of that, by what is known now."""
        if record.wall_ns is not None or record.boot != self._clock.boot:
            return record.wall_ns, record.trust
        stamps = self._clock.stamp(record.at_ns)
        return stamps.wall_ns, stamps.trust

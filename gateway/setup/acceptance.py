"""Who has compared and heard what, when, and by which clock: the facts of the acceptance sheet.

They are facts about the installation and no settings, so they are state of the journal; each act
stands in the audit besides.
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
    """What somebody has vouched for, or what did not agree.

    `ours` and `shown` are the two values as they were seen; `factor` by how much ours was too
    large. `who` is an account's id. Where nobody knew the time, `boot` and `at_ns` say when it was:
    once the clock of that boot is set, so is the record's time.
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
        """Whether nothing needs to be looked at again."""
        return self.state in {"agrees", "heard"}


_decoded = json_decoder(AcceptanceRecord)


class AcceptanceRecords:
    """By what they are about: `em-b3.power_w`, `di-b3.smoke`, `speaker.horn-b3`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Empty until `load`."""
        self._journal = journal
        self._clock = clock
        self._records: dict[str, AcceptanceRecord] = {}

    async def load(self) -> None:
        """Take back what was kept."""
        self._records = await load_state(self._journal, ROOM, _decoded)

    @property
    def all(self) -> Mapping[str, AcceptanceRecord]:
        """Every record."""
        return self._records

    def get(self, key: str) -> AcceptanceRecord | None:
        """What is known of that."""
        return self._records.get(key)

    async def keep(self, key: str, record: AcceptanceRecord) -> None:
        """Keep it in place of the one before."""
        if key not in self._records and len(self._records) >= RECORDS_MAX:
            raise UsageError("setup.too-many", max=RECORDS_MAX)
        body = require_readable(_decoded, key, msgspec.json.encode(record), record)
        await self._journal.append([], [StateChange(ROOM, key, body)])
        self._records[key] = record

    async def forget(self, there: Collection[str]) -> None:
        """Drop what is about a device or speaker that the settings do not have any more."""
        gone = [key for key in self._records if key.partition(".")[0] not in there]
        if gone:
            await self._journal.append([], [StateChange(ROOM, key, None) for key in gone])
            for key in gone:
                del self._records[key]

    def new_record(self, state: AcceptanceState, who: str, **more: Any) -> AcceptanceRecord:
        """A record of now."""
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
        """When it was made and what that rests on: by what is known now, if nobody knew it then."""
        if record.wall_ns is not None or record.boot != self._clock.boot:
            return record.wall_ns, record.trust
        stamps = self._clock.stamp(record.at_ns)
        return stamps.wall_ns, stamps.trust

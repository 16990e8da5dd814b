"""Records every change of the settings in the journal, once, also across restarts.

The history on disk and the journal are two files. How far the journal has got is kept in its own
state and moves in the same commit as the events, so the next start records what the last could not.
"""

from collections.abc import Sequence

import msgspec

from gateway.clock import Clock
from gateway.journal import Journal, StateChange, load_state
from gateway.journal.stored_state import json_decoder
from gateway.reconfigure.events import change_event
from gateway.reconfigure.records import ChangeRecord

ROOM = "settings"
KEY = "told"


class ChangeReporter:
    """Records changes that the journal does not have yet."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Into that journal."""
        self._journal = journal
        self._clock = clock

    async def __call__(self, records: Sequence[ChangeRecord]) -> None:
        """Record those that are new.

        A journal without any (in memory after a disk failure) gets only the last one: the others
        belong to another epoch.
        """
        state = await load_state(self._journal, ROOM, json_decoder(int))
        if KEY in state:
            told = state[KEY]
            news = [record for record in records if record.number > told]
        else:
            news = list(records[-1:])
        if news:
            stamps = self._clock.stamp()
            body = msgspec.json.encode(news[-1].number)
            events = [change_event(record, stamps) for record in news]
            await self._journal.append(events, [StateChange(ROOM, KEY, body)])

"""What an escalation rings: a chime and a sentence in the zones of the roster. Pure.

The desk and the platform hear of it by the event; a loudspeaker has to be told.
"""

from collections.abc import Callable, Iterator

from gateway.rules.alarms import Happening
from gateway.rules.duty import DESK, PLATFORM
from gateway.rules.kinds import Moment, S
from gateway.rules.linkage import RING, Task

BY = "duty"
"""Who orders it, where a linkage would have its id."""

RINGS_S = 30.0
"""Whoever was not called by then is called by the next step."""


def rings(happening: Happening, moment: Moment, number: Callable[[], str]) -> Iterator[Task]:
    """One task a zone; `number()` gives the next task's id."""
    call, facts = happening.call, happening.facts
    if call is None:
        return
    for zone in call.by:
        if zone in (DESK, PLATFORM):
            continue
        private = {"private": True} if facts.private else {}
        yield Task(
            id=number(),
            linkage=BY,
            does=RING,
            action={RING: zone, "to": call.to, **private},
            alarm=happening.alarm.id,
            rule=facts.rule,
            place=facts.place,
            text=facts.name,
            urgent=True,
            private=facts.private,
            expires_ns=moment.at_ns + round(RINGS_S * S),
        )

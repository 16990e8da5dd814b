"""Whoever pressed is told aloud what is done for them, where something is heard indoors. Pure.

Rules that want somebody to come (`attend`) answer every press, and say when others are called, when
somebody has taken it, and when nobody answers. A sentence never names the place: it is said there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gateway.rules.alarm import Alarm, State
from gateway.rules.kinds import Moment, S
from gateway.rules.linkage import ANSWER, Task
from gateway.rules.ringing import BY
from gateway.rules.rule import Facts

ANSWERS_S = 20.0
"""What was not said by then is not true any more."""

SENTENCE_NS = 4 * S
"""Within so long of its beginning a sentence answers the next press, too."""

OFTEN, SELDOM_NS, CALM_NS = 10, 60 * S, 600 * S
"""So many answers without such a calm between them, and one a minute after: a contact that chatters
at night wakes nobody every four seconds."""

_SAID: Mapping[str, str] = {
    "escalated": "called",
    "acknowledged": "coming",
    "unreached": "nobody",
}
"""What is said of what has happened: `rules.answer-…`."""


class Asked(NamedTuple):
    """The alarm that somebody waits for, and who has been called for it."""

    alarm: Alarm
    facts: Facts
    called: tuple[str, ...]


class _Last(NamedTuple):
    """What was said last, when, and how often without a calm."""

    says: str
    at_ns: int
    times: int


class Answers:
    """What was said last of each alarm; nothing of it outlives a restart."""

    def __init__(self) -> None:
        """Nothing was said."""
        self._said: dict[str, _Last] = {}

    def pressed(self, asked: Asked, moment: Moment, number: Callable[[], str]) -> Iterator[Task]:
        """The answer to a press, the first or any other."""
        yield from self._say(_stands(asked), asked, moment, number)

    def told(
        self, what: str, asked: Asked, moment: Moment, number: Callable[[], str]
    ) -> Iterator[Task]:
        """What has become of it since, each time once."""
        says, known = _SAID.get(what), self._said.get(asked.alarm.watch)
        if says is not None and (known is None or known.says != says):
            yield from self._say(says, asked, moment, number)
        if what == "cleared":
            self._said.pop(asked.alarm.watch, None)

    def _say(
        self, says: str, asked: Asked, moment: Moment, number: Callable[[], str]
    ) -> Iterator[Task]:
        alarm, facts, called = asked
        if not facts.attend or facts.indoors is None:
            return
        known, times = self._said.get(alarm.watch), 1
        if known is not None:
            since_ns = moment.at_ns - known.at_ns
            pause_ns = SENTENCE_NS if known.times < OFTEN else SELDOM_NS
            if known.says == says and since_ns < pause_ns:
                return
            times += known.times if since_ns < CALM_NS else 0
        self._said[alarm.watch] = _Last(says, moment.at_ns, times)
        yield Task(
            id=number(),
            linkage=BY,
            does=ANSWER,
            action={ANSWER: facts.indoors, "says": says, "to": called[-1] if called else ""},
            alarm=alarm.id,
            rule=facts.rule,
            place=facts.place,
            urgent=True,
            private=facts.private,
            expires_ns=moment.at_ns + round(ANSWERS_S * S),
        )


def _stands(asked: Asked) -> str:
    """What can be said of it now, and no more."""
    alarm = asked.alarm
    if alarm.state in {State.SHELVED, State.SUPPRESSED}:
        return "silent"
    if alarm.state in {State.ACKNOWLEDGED, State.RESTING}:
        return "coming"
    if alarm.unreached:
        return "nobody"
    return "called" if asked.called else "heard"

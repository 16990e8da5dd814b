"""Tells people who pressed a button, aloud, what is being done. Pure.

Rules that require attendance (`attend`) answer every press, and say when others are called, when a
person has taken the alarm, and when nobody answers. A sentence never names the place: it is spoken
there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gateway.rules.alarm import Alarm, AlarmState
from gateway.rules.escalation_calls import BY
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.linkage import ANSWER, LinkageTask
from gateway.rules.rule import AlarmFacts

# After this time an answer is no longer true.
ANSWERS_S = 20.0

# A sentence also answers presses within this time of its start.
SENTENCE_NS = 4 * S

# Answers per burst of presses, then one a minute: a contact that chatters at night wakes nobody
# every four seconds. A burst ends after this calm. That a place calls nobody is said once.
OFTEN, SELDOM_NS, CALM_NS = 10, 60 * S, 600 * S

# What is said after each change: `rules.answer-…`.
_SAID: Mapping[str, str] = {
    "escalated": "called",
    "acknowledged": "coming",
    "unreached": "nobody",
}


class AwaitedAlarm(NamedTuple):
    """The alarm that a person waits for, and who has just been called for it."""

    alarm: Alarm
    facts: AlarmFacts
    called: str = ""


class _Last(NamedTuple):
    """The last answer and its time; the last press, and the answers since the last calm.

    `news`: what need not be repeated without another press; `called`: who was called.
    """

    says: str = ""
    at_ns: int = -CALM_NS
    pressed_ns: int = -CALM_NS
    times: int = 0
    news: frozenset[tuple[str, str]] = frozenset()
    called: str = ""


class SpokenAnswers:
    """The last answer for each alarm; nothing survives a restart."""

    def __init__(self) -> None:
        self._said: dict[str, _Last] = {}

    def answer_press(
        self, asked: AwaitedAlarm, moment: RuleInstant, number: Callable[[], str]
    ) -> Iterator[LinkageTask]:
        """The answer to a press, the first or a later one."""
        known = self._said.get(asked.alarm.watch, _Last())
        says = _stands(asked.alarm, known.called)
        calm = moment.at_ns - known.pressed_ns >= CALM_NS
        times = 0 if calm else known.times
        self._said[asked.alarm.watch] = known = known._replace(pressed_ns=moment.at_ns, times=times)
        since_ns = moment.at_ns - known.at_ns
        if known.says == says == "silent" and not calm:
            return
        if times >= OFTEN and since_ns < SELDOM_NS:
            return
        if known.says == says and since_ns < SENTENCE_NS:
            return
        self._said[asked.alarm.watch] = known._replace(times=times + 1)
        yield from self._say(says, asked, moment, number)

    def report_change(
        self, what: str, asked: AwaitedAlarm, moment: RuleInstant, number: Callable[[], str]
    ) -> Iterator[LinkageTask]:
        """Report later changes of the alarm, each once."""
        watch, says = asked.alarm.watch, _SAID.get(what)
        known = self._said.get(watch, _Last())
        if what == "acknowledged":  # if nobody comes, everybody is called again
            known = known._replace(news=frozenset(), called="")
        news = (says or "", asked.called)
        if says is not None and news not in known.news:
            called = asked.called or known.called
            self._said[watch] = known._replace(news=known.news | {news}, called=called)
            if known.says != says or known.called != called:
                yield from self._say(says, asked, moment, number)
        if what == "cleared":
            self._said.pop(watch, None)

    def _say(
        self, says: str, asked: AwaitedAlarm, moment: RuleInstant, number: Callable[[], str]
    ) -> Iterator[LinkageTask]:
        alarm, facts = asked.alarm, asked.facts
        if not facts.attend or facts.indoors is None:
            return
        known = self._said[alarm.watch]
        self._said[alarm.watch] = known._replace(says=says, at_ns=moment.at_ns)
        yield LinkageTask(
            id=number(),
            linkage=BY,
            does=ANSWER,
            action={ANSWER: facts.indoors, "says": says, "to": known.called},
            alarm=alarm.id,
            rule=facts.rule,
            place=facts.place,
            urgent=True,
            private=facts.private,
            expires_ns=moment.at_ns + round(ANSWERS_S * S),
        )


def _stands(alarm: Alarm, called: str) -> str:
    """What is true of it now, and no more."""
    if alarm.state in {AlarmState.SHELVED, AlarmState.SUPPRESSED}:
        return "silent"
    if alarm.state in {AlarmState.ACKNOWLEDGED, AlarmState.RESTING}:
        return "coming"
    if alarm.unreached:
        return "nobody"
    return "called" if called else "heard"

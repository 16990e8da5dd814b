"""How a request is said at the desk: its urgency, its age, its state, what is done first. Pure."""

from typing import NamedTuple

from gateway.web.frame import Mark
from gateway.web.words import Words
from kiosk.catalogue import Service
from kiosk.dispatch import NO_ROAD
from kiosk.flows.call import UNHEARD
from kiosk.options import DESK
from kiosk.request import Car, Moment, Request, S
from kiosk.works import UNTAKEN, Due

EMERGENCY, SOON, DUE, KNOWN = 4, 3, 2, 1
"""How urgent, as the desk's board sorts; only the first may be red."""

RING_GRAVE, RING, SILENT = 2, 1, 0

DAY_S = 86_400
DAYS_FROM_S = 3 * DAY_S
"""From this age on days are told, not minutes."""

_OK, _WAIT = ("ok", "s-ok"), ("wait", "s-wait")
_WARN, _BAD, _OFF = ("warn", "warning"), ("bad", "s-bad"), ("away", "s-off")
MARKS = {
    "ride": {
        "asking": _WAIT,
        "searching": _WAIT,
        "again": _WAIT,
        "assigned": _OK,
        "arrived": _OK,
        "checking": _WARN,
        "boarded": _OK,
        "cancelled": _OFF,
        "no-car": _BAD,
        "away": _BAD,
        "expired": _BAD,
        "unknown": _BAD,
        "late": _WARN,
    },
    "call": {
        "ringing": _BAD,
        "escalated": _BAD,
        "alone": _BAD,
        "answered": _WAIT,
        "done": _OK,
        "cancelled": _OFF,
    },
    "work": {
        "reported": _WARN,
        "received": _WAIT,
        "assigned": _WAIT,
        "doing": _WAIT,
        "done": _OK,
        "revisit": _WARN,
        "reopened": _WARN,
        "closed": _OK,
        "cancelled": _OFF,
    },
}
TAKES = {"ride": "accept", "call": "answer", "work": "receive"}
"""What "I do it" is, by family."""

PRESSED = "person"
"""The picture of a press in the story."""

_OURS = frozenset({"asking", "again"})


class Row(NamedTuple):
    """A request at that moment, with its service, and what is promised of it."""

    request: Request
    service: Service
    moment: Moment
    due: Due | None = None

    @property
    def waits(self) -> bool:
        """Whether nobody has taken it, and it is the desk that must."""
        request = self.request
        if request.family == "call":
            return request.state in UNHEARD
        if request.family == "work":  # a fault that was reported before is taken with that
            return request.state in UNTAKEN and not request.linked
        return self.desk_drives and request.state in _OURS

    @property
    def desk_drives(self) -> bool:
        """Whether staff dispatch this ride."""
        ride = self.request.ride
        return ride is not None and ride.road == DESK

    @property
    def urgency(self) -> int:
        """1 to 4."""
        if self.waits and self.request.urgent:
            return EMERGENCY
        if self.due_s is not None and self.due_s < 0:
            return SOON
        if self.request.family == "work":
            return DUE if self.waits or self.request.state == "revisit" else KNOWN
        return SOON if self.waits else KNOWN

    @property
    def ring(self) -> int:
        """How it sounds at the desk."""
        if not self.waits:
            return SILENT
        grave = self.request.urgent or self.request.state in ("escalated", "alone")
        return RING_GRAVE if grave else RING

    @property
    def take(self) -> str:
        """The act by which somebody takes it; "" where there is nothing to take."""
        return TAKES[self.request.family] if self.waits else ""

    @property
    def left_s(self) -> float | None:
        """How long until it has expired, where it does."""
        ride = self.request.ride
        if ride is None or self.request.ended or self.request.state in ("assigned", "arrived"):
            return None
        return max(0.0, (ride.until.at_ns - self.moment.at_ns) / S)

    @property
    def due_s(self) -> float | None:
        """How long until what is promised of a repair is overdue; below 0 it is."""
        return None if self.due is None else (self.due.at_ns - self.moment.lived_ns) / S

    @property
    def age_s(self) -> float:
        """How long ago somebody pressed, or called again.

        Lived time: what a power cut lasted does not count.
        """
        since_ns = self.request.rang_ns or self.request.opened_ns
        return max(0.0, (self.moment.lived_ns - since_ns) / S)

    @property
    def _in_days(self) -> bool:
        """Whether its age is told in days: so many minutes nobody reads."""
        return self.left_s is None and self.age_s >= DAYS_FROM_S

    @property
    def minutes(self) -> int:
        """The number at its left: minutes left where it expires, else its age; see `unit`."""
        if self._in_days:
            return int(self.age_s // DAY_S)
        left_s = self.left_s
        return int(self.age_s // 60) if left_s is None else int(-(-left_s // 60))

    @property
    def unit(self) -> str:
        """The code of what these minutes, or days, are."""
        if self.left_s is not None:
            return "board.minutes-left"
        span = "days" if self._in_days else "minutes"
        return f"board.{span}-waiting" if self.waits else f"board.{span}-ago"

    @property
    def hue(self) -> str:
        """The class of its colour; a call is a person's whatever it came from."""
        return f"is-{self.service.hue}"

    @property
    def pictogram(self) -> str:
        """The picture that was pressed, else the service's."""
        choice = self.service.choice(self.request.what)
        return self.service.pictogram if choice is None else choice.pictogram

    @property
    def order(self) -> tuple[int, bool, bool, float, float, str]:
        """Most urgent first; then who waits, people before things, least time, the oldest."""
        left_s = self.left_s
        soonest = float("inf") if left_s is None else left_s
        thing = self.request.family == "work"
        return -self.urgency, not self.waits, thing, soonest, -self.age_s, self.request.id


def title(row: Row, words: Words, place: str, what: str) -> str:
    """What and where, as the board says it."""
    name = row.service.name.of(words.lang)
    said = words("board.title-what", name=name, what=what) if what else name
    return f"{said} · {place}" if place else said


def mark(request: Request, words: Words) -> Mark:
    """Its state with its word."""
    family, state = request.family, request.state
    return (*MARKS[family][state], words(f"board.state-{family}-{state}"))


def number(request: Request) -> str:
    """The six digits as they are read out."""
    return f"{request.number[:3]} {request.number[3:]}"


def text(row: Row, words: Words, who: str) -> str:
    """What is known beside the state: who has it, which car comes, what was said to the person."""
    request = row.request
    parts = [words("board.number", number=number(request))]
    if request.linked:
        parts.append(words("board.joined" if request.family == "work" else "board.linked"))
    if row.due is not None and row.due_s is not None:
        when = "over" if row.due_s < 0 else "in"
        parts.append(words(f"board.due-{row.due.stage}-{when}", span=words.span(abs(row.due_s))))
    if request.ride is not None:
        parts += _ride(row, words)
    if who and not row.waits:
        parts.append(words("board.has", who=who))
    if row.waits and request.steps:
        parts.append(words("board.called", n=request.steps))
    if request.rating:
        parts.append(words(f"board.rating-{request.rating}"))
    if request.reply:
        parts.append(words("board.replied", text=request.reply))
    if request.voice_s:
        code = "board.voice" if request.voice else "board.voice-lost"
        parts.append(words(code, s=request.voice_s))
    if request.note:
        parts.append(words("board.note", text=request.note))
    return words("board.joint").join(parts)


def car(known: Car, words: Words) -> str:
    """A car as it is looked for: plate, colour, make, minutes."""
    parts = [known.plate, known.colour, known.brand]
    if known.minutes is not None:
        parts.append(words("board.car-minutes", n=known.minutes))
    return " ".join(filter(None, parts))


def _ride(row: Row, words: Words) -> list[str]:
    ride = row.request.ride
    assert ride is not None
    if row.desk_drives and row.request.code == NO_ROAD:
        known = [] if ride.car is None else [car(ride.car, words)]
        return [words("board.road-gone"), *known]
    if ride.car is not None:
        return [car(ride.car, words)]
    if row.request.ended or not ride.road:
        return []
    return [words(f"board.road-{ride.road}")]

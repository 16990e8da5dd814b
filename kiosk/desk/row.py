"""How a request is said at the desk: its urgency, its age, its state, what is done first. Pure."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark
from kiosk.requests.catalogue import KioskService
from kiosk.requests.request import Car, Request, RequestTime, S
from kiosk.requests.request_type import TYPES, TypeFlag
from kiosk.requests.rules import RequestDue

# How urgent, as the desk's board sorts; only the first may be red.
EMERGENCY, SOON, DUE, KNOWN = 4, 3, 2, 1

RING_GRAVE, RING, SILENT = 2, 1, 0

DAY_S = 86_400
# From this age on days are told, not minutes.
DAYS_FROM_S = 3 * DAY_S

# A state's class and pictogram.
OK, WAIT = ("ok", "s-ok"), ("wait", "s-wait")
WARN, BAD, OFF = ("warn", "warning"), ("bad", "s-bad"), ("away", "s-off")

# What a form asks for beside the act.
CAR, BY = frozenset({"car"}), frozenset({"by"})


class ActionForm(NamedTuple):
    """One act: its picture, what is asked with it, and whether it is the one to press."""

    act: str
    pictogram: str
    asks: frozenset[str] = frozenset()
    first: bool = False


# The picture of a press in the story.
PRESSED = "person"


class RequestRow(NamedTuple):
    """A request at that moment, with its service, and what is promised of it."""

    request: Request
    service: KioskService
    moment: RequestTime
    due: RequestDue | None = None

    @property
    def desk(self) -> "TypeDesk":
        """How its type stands at the desk."""
        return find_desk(self.request.family)

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has taken it, and it is the desk that must."""
        return self.desk.is_waiting(self.request)

    @property
    def urgency(self) -> int:
        """1 to 4."""
        if self.is_waiting and self.request.urgent:
            return EMERGENCY
        if self.due_s is not None and self.due_s < 0:
            return SOON
        return self.desk.urgency(self)

    @property
    def ring(self) -> int:
        """How it sounds at the desk."""
        if not self.is_waiting:
            return SILENT
        grave = self.request.urgent or self.request.state in self.desk.grave
        return RING_GRAVE if grave else RING

    @property
    def taking_action(self) -> str:
        """The act by which somebody takes it; "" where there is nothing to take."""
        return self.desk.take if self.is_waiting else ""

    @property
    def left_s(self) -> float | None:
        """How long until it has expired, where it does."""
        until = self.request.state_deadline
        return None if until is None else max(0.0, (until.at_ns - self.moment.at_ns) / S)

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
        return f"board.{span}-waiting" if self.is_waiting else f"board.{span}-ago"

    @property
    def hue(self) -> str:
        """The class of its colour; a call is a person's whatever it came from."""
        return f"is-{self.service.hue}"

    @property
    def pictogram(self) -> str:
        """The picture that was pressed, else the service's."""
        choice = self.service.find_option(self.request.what)
        return self.service.pictogram if choice is None else choice.pictogram

    @property
    def order(self) -> tuple[int, bool, bool, float, float, str]:
        """Most urgent first; then who waits, people before things, least time, the oldest."""
        left_s = self.left_s
        soonest = float("inf") if left_s is None else left_s
        thing = not self.request.type.has_flag(TypeFlag.AWAITED)
        return -self.urgency, not self.is_waiting, thing, soonest, -self.age_s, self.request.id


class TypeDesk:
    """How the requests of one type stand at the desk: the `DESK` of its `desk.py`.

    `marks` has the class and the pictogram of every state, `take` the act by which somebody takes
    it, `forms` what staff may do, in the order in which things happen. `grave` are the states in
    which it rings as an emergency does. `linked` is the code that says what it is joined to.
    """

    pictogram = "person"
    marks: ClassVar[Mapping[str, tuple[str, str]]] = {}
    take = ""
    forms: tuple[ActionForm, ...] = ()
    grave: frozenset[str] = frozenset()
    linked = "board.linked"

    def is_waiting(self, request: Request) -> bool:
        """Whether nobody has taken it, and it is the desk that must."""
        return request.untaken

    def urgency(self, row: RequestRow) -> int:
        """How urgent it is while it is neither dangerous nor overdue."""
        return SOON if row.is_waiting else KNOWN

    def details(self, row: RequestRow, words: Translator) -> list[str]:
        """What is known of it beside what all requests have."""
        del row, words
        return []

    def preview(self, request: Request, car: Car | None) -> Request:
        """The request as it would be, to hear what is said of it then."""
        del car
        return request


def find_desk(type_: str) -> TypeDesk:
    """That of the type; a bare one of a type that there is not (any more)."""
    part = TYPES.load_part(type_, "desk")
    found: TypeDesk = TypeDesk() if part is None else part.DESK
    return found


def row_title(row: RequestRow, words: Translator, place: str, what: str) -> str:
    """What and where, as the board says it."""
    name = row.service.name.text(words.lang)
    said = words("board.title-what", name=name, what=what) if what else name
    return f"{said} · {place}" if place else said


def state_badge(request: Request, words: Translator) -> StatusMark:
    """Its state with its word."""
    family, state = request.family, request.state
    return (*find_desk(family).marks[state], words(f"board.state-{family}-{state}"))


def spaced_number(request: Request) -> str:
    """The six digits as they are read out."""
    return f"{request.number[:3]} {request.number[3:]}"


def row_text(row: RequestRow, words: Translator, who: str) -> str:
    """What is known beside the state: who has it, which car comes, what was said to the person."""
    request = row.request
    parts = [words("board.number", number=spaced_number(request))]
    if request.linked:
        parts.append(words(row.desk.linked))
    if row.due is not None and row.due_s is not None:
        when = "over" if row.due_s < 0 else "in"
        parts.append(words(f"board.due-{row.due.stage}-{when}", span=words.span(abs(row.due_s))))
    parts += row.desk.details(row, words)
    if who and not row.is_waiting:
        parts.append(words("board.has", who=who))
    if row.is_waiting and request.steps:
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


def car_text(known: Car, words: Translator) -> str:
    """A car as it is looked for: plate, colour, make, minutes."""
    parts = [known.plate, known.colour, known.brand]
    if known.minutes is not None:
        parts.append(words("board.car-minutes", n=known.minutes))
    return " ".join(filter(None, parts))

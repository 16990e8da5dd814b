"""Where somebody is at a kiosk, and where a press leads. Pure.

The station holds this, one for each screen; the browser only shows it. Nothing of it is kept: a
restart or a reset leaves the first screen, in the station's language.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from kiosk.requests.request import Contact, Rating, RequestAction

PageName = Literal[
    "home", "what", "where", "voice", "phone", "check", "whose", "request", "confirm", "options",
    "sorry", "none",
]  # fmt: skip
# Of what somebody says: nothing, the microphone is being opened, it listens, it has heard.
VoiceState = Literal["", "open", "listen", "kept"]

# Nobody presses for so long: the question whether anybody is there, and its time; a page with a
# number on it has less.
IDLE_S, STILL_S, PRIVATE_S = 90.0, 30.0, 60.0

DIGITS_MAX, NUMBER_DIGITS = 12, 6
# The last four digits, a mobile number, or a line in a house.
_CONTACT = re.compile(r"\d{4}|1[3-9]\d{9}|[02-9]\d{6,11}")

_CARD = re.compile(r"[0-9A-Za-z]{5,40}")


class KioskSession(msgspec.Struct, frozen=True, kw_only=True):
    """One person's way through the pages. `part` is which handful of a list is shown.

    `request` is shown on its page; `trouble` is the code of what went wrong. `asked`: whether
    somebody is there is being asked. `hears`: the kiosk has a microphone; `voice_s` is how long
    somebody has spoken, `voice_from` since which second of lived time they do. `card` was held to
    the reader, for whatever is asked next.
    """

    page: PageName = "home"
    service: str = ""
    what: str = ""
    where: str = ""
    part: int = 0
    digits: str = ""
    request: str = ""
    trouble: str = ""
    language: str = "zh"
    large: bool = False
    contrast: bool = False
    asked: bool = False
    touched_ns: int = 0
    hears: bool = False
    voice: VoiceState = ""
    voice_s: float = 0.0
    voice_from: int = 0
    card: str = ""


class SubmitRequest(NamedTuple):
    """A request is to be made of what was chosen; `another`: beside what a neighbour waits for."""

    service: str
    what: str = ""
    where: str | None = None
    contact: Contact | None = None
    another: bool = False


class ActOnRequest(NamedTuple):
    """Something is to be done with the request that is shown."""

    deed: RequestAction


class SetContact(NamedTuple):
    """Whoever waits for the request that is shown says how they can be known."""

    contact: Contact | None


class FindRequest(NamedTuple):
    """The request of that number is to be shown."""

    number: str


class RepeatPrompt(NamedTuple):
    """The screen is to be said once more."""


class StartRecording(NamedTuple):
    """Somebody wants to speak."""


class StopRecording(NamedTuple):
    """They have spoken."""


class PlayRecording(NamedTuple):
    """They want to hear what they have said."""


SessionEffect = (
    SubmitRequest
    | ActOnRequest
    | SetContact
    | FindRequest
    | RepeatPrompt
    | StartRecording
    | StopRecording
    | PlayRecording
)
SessionStep = tuple[KioskSession, SessionEffect | None]

_BACK: dict[str, PageName] = {
    "where": "what", "voice": "where", "phone": "where", "check": "what", "confirm": "request",
}  # fmt: skip


def reset_session(session: KioskSession, language: str) -> KioskSession:
    """The first screen, with nothing of anybody on it."""
    return KioskSession(language=language, touched_ns=session.touched_ns, hears=session.hears)


def go_home(session: KioskSession) -> KioskSession:
    """The first screen for the same person: their language and sizes stay."""
    return KioskSession(
        language=session.language,
        large=session.large,
        contrast=session.contrast,
        touched_ns=session.touched_ns,
        hears=session.hears,
    )


def show_request(session: KioskSession, request: str) -> KioskSession:
    """The page of a request."""
    return msgspec.structs.replace(go_home(session), page="request", request=request)


def go_to(session: KioskSession, page: PageName, **fields: Any) -> KioskSession:
    """Another page, with those fields."""
    return msgspec.structs.replace(session, page=page, **fields)


def handle_press(session: KioskSession, press: str) -> SessionStep:
    """Where that press leads, and what is to be done. It must be on the screen that is shown."""
    word, _, value = press.partition(":")
    if word in ("digit", "erase"):
        return _typed(session, word, value), None
    if word in ("home", "back", "check", "confirm", "keep", "show"):
        return _went(session, word, value), None
    if word in ("language", "large", "contrast", "options", "more", "stay"):
        return _chose(session, word, value), None
    return _asked(session, word, value)


def is_contact(digits: str) -> bool:
    """Whether those digits can be somebody's."""
    return _CONTACT.fullmatch(digits) is not None


def _typed(session: KioskSession, word: str, value: str) -> KioskSession:
    most = NUMBER_DIGITS if session.page == "check" else DIGITS_MAX
    digits = session.digits[:-1] if word == "erase" else (session.digits + value)[:most]
    return msgspec.structs.replace(session, digits=digits)


def _went(session: KioskSession, word: str, value: str) -> KioskSession:
    if word == "show":
        return show_request(session, value)
    if word in ("check", "confirm"):
        return go_to(session, "check" if word == "check" else "confirm", digits="")
    if word == "keep":
        return go_to(session, "request")
    if word == "back" and session.page in _BACK:
        page = _BACK[session.page]
        if session.page == "phone" and session.request:
            page = "request"
        elif session.page == "phone" and session.hears:
            page = "voice"
        voice = session.voice if page == "voice" else ""
        return go_to(session, page, digits="", part=0, voice=voice, trouble="")
    return go_home(session)


def _chose(session: KioskSession, word: str, value: str) -> KioskSession:
    if word == "options":
        return go_to(session, "options")
    if word == "more":
        return go_to(session, session.page, part=session.part + 1)
    if word == "language":
        return go_to(session, session.page, language=value)
    if word == "large":
        return go_to(session, session.page, large=not session.large)
    if word == "contrast":
        return go_to(session, session.page, contrast=not session.contrast)
    return msgspec.structs.replace(session, asked=False)


def _asked(session: KioskSession, word: str, value: str) -> SessionStep:
    """A press by which something is chosen, or asked of the station."""
    if word in _TURNS:
        return _TURNS[word](session, value), None
    return session, _DOES[word](session, value) if word in _DOES else RepeatPrompt()


_TURNS: dict[str, Callable[[KioskSession, str], KioskSession]] = {
    "begin": lambda at, service: go_to(at, "what", service=service, part=0),
    "what": lambda at, what: go_to(at, "where", what=what, part=0),
    "where": lambda at, where: go_to(
        at, "voice" if at.hears else "phone", where=where, digits="", part=0, voice="", trouble=""
    ),
    "phone": lambda at, _: go_to(at, "phone", digits="", trouble=""),
    "whom": lambda at, service: go_to(at, "phone", service=service, digits="", trouble=""),
    "whose": lambda at, service: go_to(at, "whose", service=service),
    "unsay": lambda at, _: go_to(at, "voice", voice="", trouble=""),
}
_DOES: dict[str, Callable[[KioskSession, str], SessionEffect]] = {
    "open": lambda at, service: SubmitRequest(service, contact=card_contact(at)),
    "another": lambda at, service: SubmitRequest(service, contact=card_contact(at), another=True),
    "danger": lambda at, what: SubmitRequest(at.service, what),
    "done": lambda at, _: _whom(at, parse_contact(at.digits)),
    "find": lambda at, _: FindRequest(at.digits),
    "speak": lambda _, __: StartRecording(),
    "said": lambda _, __: StopRecording(),
    "hear": lambda _, __: PlayRecording(),
    "cancel": lambda _, __: ActOnRequest(RequestAction(act="cancel")),
    "act": lambda _, act: ActOnRequest(RequestAction(act=act)),
    "face": lambda _, face: ActOnRequest(_rating(face)),
}


def _whom(at: KioskSession, known: Contact | None) -> SessionEffect:
    """The last thing that is asked of a fault; of a ride under way, an offer."""
    if at.request:
        return SetContact(known)
    return SubmitRequest(at.service, at.what, at.where or None, known)


def handle_card(at: KioskSession, number: str) -> SessionStep:
    """A card was held to the reader: kept on the first screen, used where somebody is asked for."""
    if not _CARD.fullmatch(number):
        return at, None
    if at.page == "home":
        return msgspec.structs.replace(at, card=number), RepeatPrompt()
    if at.page == "phone" or (at.page == "request" and at.request):
        return at, _whom(at, Contact(card=number))
    return at, None


def card_contact(at: KioskSession) -> Contact | None:
    """Whose card it is."""
    return Contact(card=at.card) if at.card else None


def parse_contact(digits: str) -> Contact | None:
    """What those digits are."""
    if not is_contact(digits):
        return None
    return Contact(last4=digits) if len(digits) == 4 else Contact(phone=digits)  # noqa: PLR2004


def _rating(face: str) -> RequestAction:
    faces: dict[str, Rating] = {"good": "good", "fair": "fair", "bad": "bad"}
    rating = faces[face]
    return RequestAction(act="complain" if rating == "bad" else "praise", rating=rating)


def group_digits(digits: str) -> str:
    """A number as it is read aloud: 138 2046 7."""
    groups = (digits[:3], digits[3:7], digits[7:]) if digits[:1] == "1" else (digits,)
    return " ".join(group for group in groups if group)

"""The plug-in contract of a room with pages: one `Section`, handed to the server.

A section is data and plain handlers; it never sees the server. The server checks it completely at
start-up: a route without a permission, a path declared twice or a template that does not compile is
an error before the first request.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from gateway.event import EventKind
from gateway.health import Vitals
from gateway.web.i18n import Translator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What can change on a page, flat: one key for each text, mark or curve.
View = Mapping[str, Any]

# Makes the view of a page now; the text is its argument (a device's id, or "").
Pulse = Callable[[Vitals, Translator, str], View]


class Permission(enum.Enum):
    """What a caller must be allowed to do; the gate knows who is."""

    PUBLIC = "public"  # anyone who reaches the port
    HERE = "here"  # a person at this machine's own screen, and nobody from elsewhere
    VIEW = "view"  # read what the station knows; no personal data
    OWN = "own"  # a person who is signed in, for their own account: sign out, password, PIN
    STAFF = "staff"  # act: announce, take a request, acknowledge
    INSTALL = "install"  # change the station's settings


class GuardedPulse(NamedTuple):
    """A page's live view, and the permission that a reader needs for it."""

    permission: Permission
    view: Pulse


class QueryParameter(NamedTuple):
    """A query parameter that is not free text: `takes` is its type."""

    about: str
    takes: Any
    required: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address. `returns` and `accepts` are its bodies' types; `query` names its parameters.

    A route with a `summary` is part of the published API and appears in `openapi.json`. `act`
    is its name in the audit log (`act.<act>` in the catalogues, with a dash for the slash);
    without one, its method and path are used. With `streamed` the handler reads the body itself
    and must bound its size and time. `also` are other statuses with a body of their own; with
    `bare` the body may be left out.
    """

    path: str
    handler: Handler
    permission: Permission | None = None
    method: str = "GET"
    summary: str = ""
    act: str = ""
    accepts: Any = None
    returns: Any = None
    media: str = "application/json"
    query: Mapping[str, "str | QueryParameter"] = {}
    also: Mapping[int, Any] = {}
    bare: bool = False
    streamed: bool = False


class NavTab(msgspec.Struct, frozen=True):
    """A tab of the header: the number on its plate, its address, the code of its word."""

    number: int
    path: str
    code: str


class NeedAction(msgspec.Struct, frozen=True):
    """What a person can do about a need: a link, or (`post`) a button that acts at once."""

    word: str
    pictogram: str
    path: str
    post: bool = False
    quiet: bool = False


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs a person now: a row of the desk's board.

    `urgency` is 1 (when there is time) to 4 (an emergency, the only one that may be red);
    within one urgency, the lowest `amount` comes first. `amount` with `unit` is minutes and
    their meaning ("分钟没人接"), or a count. `done`: a person takes care of it; such a row comes
    last, is grey and is not counted.
    """

    key: str
    urgency: int
    hue: str
    pictogram: str
    amount: int
    unit: str
    title: str
    text: str
    note: str = ""
    actions: tuple[NeedAction, ...] = ()
    done: bool = False


class Card(msgspec.Struct, frozen=True):
    """A room's card on the desk's first screen: templates, their data, how urgent it is now.

    `template` goes below the board of needs, `beside` in the narrow column; either may be
    empty. The desk sorts cards by `urgency`, highest first; 0 means that nobody is needed.
    `needs` are the rows that the room puts on the board.
    """

    template: str
    urgency: Callable[[Vitals], int]
    facts: Callable[[Vitals, Translator], View]
    needs: Callable[[Vitals, Translator], Sequence[Need]] | None = None
    beside: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One room's pages. Templates and static files are addressed as `<name>/<file>`.

    `streams` are topics of live views (`page:argument`), for each of which one live stream is
    reserved for this machine, however many others read.
    """

    name: str
    routes: tuple[Route, ...]
    templates: Path | None = None
    static: Path | None = None
    nav: NavTab | None = None
    card: Card | None = None
    pulses: Mapping[str, GuardedPulse] = {}
    # The events of the room: each says who may read it.
    kinds: tuple[EventKind, ...] = ()
    streams: frozenset[str] = frozenset()

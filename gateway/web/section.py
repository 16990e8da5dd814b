"""What a room with pages hands over to the server: one `Section`.

A section is data and plain handlers; it never sees the server. The server checks it whole at
start-up: a route without a permission, a path declared twice or a template that does not compile
is an error before the first request.
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

# What a page shows that can change, flat: one key for each text, mark or curve on it.
View = Mapping[str, Any]

# The view of a page at this instant; the text says which one (a device's id, or "").
Pulse = Callable[[Vitals, Translator, str], View]


class Permission(enum.Enum):
    """What a caller must be allowed to do; the gate decides who is."""

    PUBLIC = "public"  # anyone who reaches the port
    HERE = "here"  # whoever stands at this machine's own screen, and nobody from elsewhere
    VIEW = "view"  # read what the station knows; no personal data
    OWN = "own"  # whoever is signed in, about themselves: sign out, password, PIN
    STAFF = "staff"  # act: announce, take a request, acknowledge
    INSTALL = "install"  # change how the station is wired


class GuardedPulse(NamedTuple):
    """A page's pulse, and what a reader must be allowed to see it."""

    permission: Permission
    view: Pulse


class QueryParameter(NamedTuple):
    """A parameter of an address that is no free text: `takes` is the type of what it may be."""

    about: str
    takes: Any
    required: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address. `returns` and `accepts` are its bodies' types; `query` names its parameters.

    A route with a `summary` is part of the published API and appears in `openapi.json`. `act` is
    what the audit calls it (`act.<act>` in the catalogues, with a dash for the slash); without
    one, its method and path stand there. With `streamed` the handler reads the body itself, as it
    comes: it bounds its size and its time. `also` are answers with a body of their own beside that
    of 200; with `bare` the body may be left out.
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
    """A tab in the strip: the number on its plate, where it leads, the code of its word."""

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
    """One thing that needs a person now: a row of the desk's board.

    `urgency` is 1 (when there is time) to 4 (an emergency, the only one that may be red); within
    one urgency, the least `amount` comes first. `amount` with `unit` is minutes and whose they
    are ("分钟没人接"), or a count. `done`: somebody has it already; such a row stands last, is grey
    and is not counted.
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
    """A room's place on the desk's first screen: templates, their facts, how urgent it is now.

    `template` stands below the board of what needs a person, `beside` in the narrow column; either
    may be empty. The desk sorts cards by `urgency`, highest first; 0 means that nobody is needed.
    `needs` are the rows that the room puts on the board.
    """

    template: str
    urgency: Callable[[Vitals], int]
    facts: Callable[[Vitals, Translator], View]
    needs: Callable[[Vitals, Translator], Sequence[Need]] | None = None
    beside: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One room's pages. Templates and static files are addressed as `<name>/<file>`.

    `streams` are topics of pulses (`page:argument`) for which one live stream is kept free, for
    this machine alone, whoever else reads.
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

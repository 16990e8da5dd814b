"""The settings at the station's pages and in its API: read, check, change, go back."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web

from gateway.appliance.settings.answers import Answer, refusal
from gateway.appliance.settings.cycle import Change, Cycle
from gateway.appliance.settings.events import KINDS
from gateway.appliance.settings.page import Page
from gateway.appliance.settings.records import Outcome, Record, digest_of
from gateway.appliance.settings.veil import veiled
from gateway.errors import SettingsError, UsageError
from gateway.health import Vitals
from gateway.web.answers import json
from gateway.web.audited import done_to, who
from gateway.web.pulse import framed
from gateway.web.section import Card, GuardedPulse, Handler, Permission, Route, Section
from gateway.web.words import words_for

HERE = Path(__file__).parent
API = "/api/v1/settings"
WHY_CHARACTERS_MAX = 200

# Checked by hand, for a remedy of its own.
Why = Annotated[
    str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": WHY_CHARACTERS_MAX})
]


class Shown(msgspec.Struct, frozen=True):
    """The settings as they stand; secrets under a veil."""

    digest: str
    text: str


class Text(msgspec.Struct, frozen=True):
    """A whole text to look at."""

    text: str


class Asked(msgspec.Struct, frozen=True):
    """A change: the whole text, why, and the digest of the text that it was made from."""

    text: str
    why: Why
    base: str | None = None


class Back(msgspec.Struct, frozen=True):
    """Back to the text of that change; to what was before the last one without a number."""

    why: Why
    number: int | None = None


# The names of people by their ids.
Names = Callable[[], Mapping[str, str]]


def section(cycle: Cycle, vitals: Callable[[], Vitals], names: Names) -> Section:
    """`/desk/settings`, and the addresses under `/api/v1/settings`; each wants an installer."""
    page = Page(cycle, vitals, names, _undone)
    install = Permission.INSTALL
    return Section(
        name="settings",
        routes=(
            *_api(cycle),
            Route(path="/desk/settings", handler=page.read, permission=install),
            Route(
                method="POST",
                path="/desk/settings/undo",
                handler=page.undo,
                permission=install,
                act="settings/undo",
            ),
        ),
        templates=HERE / "pages",
        card=Card("", page.urgency, page.card, beside="settings/card.html"),
        pulses={"settings": GuardedPulse(Permission.INSTALL, framed(page.view))},
        kinds=KINDS,
    )


def _api(cycle: Cycle) -> tuple[Route, ...]:
    async def show(_request: web.Request) -> web.StreamResponse:
        text = veiled(cycle.running, str(cycle.shelf.file))
        return json(Shown(digest_of(cycle.running), text))

    async def history(_request: web.Request) -> web.StreamResponse:
        return json(list(cycle.records))

    async def check(request: web.Request) -> web.StreamResponse:
        asked: Text = _body(await request.read(), Text)

        async def look() -> Answer:
            return Answer(preview=await cycle.preview(asked.text.encode()))

        return await _answered(request, look)

    async def apply(request: web.Request) -> web.StreamResponse:
        asked: Asked = _body(await request.read(), Asked)
        change = Change(
            text=asked.text.encode(), who=_who(request), why=_why(asked.why), base=asked.base
        )

        async def do() -> Answer:
            return Answer(_on(request, await cycle.apply(change)))

        return await _answered(request, do)

    async def undo(request: web.Request) -> web.StreamResponse:
        asked: Back = _body(await request.read(), Back)

        async def do() -> Answer:
            return Answer(await _undone(cycle, request, asked.why, asked.number))

        return await _answered(request, do)

    return (
        _look("", show, "The settings, secrets under a veil", Shown),
        _look("/history", history, "Who changed the settings, and why", list[Record]),
        _act("/check", check, "What a text would change", "check", Text),
        _act("", apply, "Change the settings", "apply", Asked),
        _act("/undo", undo, "Back to earlier settings", "undo", Back),
    )


def _look(path: str, handler: Handler, summary: str, returns: Any) -> Route:
    return Route(
        path=API + path,
        handler=handler,
        permission=Permission.INSTALL,
        summary=summary,
        returns=returns,
    )


def _act(path: str, handler: Handler, summary: str, act: str, accepts: Any) -> Route:
    return Route(
        path=API + path,
        handler=handler,
        method="POST",
        permission=Permission.INSTALL,
        summary=summary,
        act=f"settings/{act}",
        accepts=accepts,
        returns=Answer,
        also={HTTPStatus.UNPROCESSABLE_ENTITY: Answer},
    )


async def _answered(
    request: web.Request, do: Callable[[], Awaitable[Answer]]
) -> web.StreamResponse:
    """The answer; mistakes in the text are an answer too, in the reader's language."""
    try:
        return json(await do())
    except SettingsError as error:
        answer = refusal(error, words_for(request))
        if answer is None:
            raise
        return json(answer, status=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _undone(cycle: Cycle, request: web.Request, why: str, number: int | None) -> Outcome:
    return _on(request, await cycle.undo(_who(request), _why(why), number))


def _on(request: web.Request, outcome: Outcome) -> Outcome:
    done_to(request, str(outcome.number))
    return outcome


def _who(request: web.Request) -> str:
    """The actor; whoever comes by the control socket has the station's own user."""
    actor = who(request)
    return f"{actor.kind}:{actor.id}"


def _why(text: str) -> str:
    if not text.strip() or len(text) > WHY_CHARACTERS_MAX:
        raise UsageError("appliance.no-why", max=WHY_CHARACTERS_MAX)
    return text.strip()


def _body(raw: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
        raise UsageError("appliance.bad-body", reason=str(error)) from error

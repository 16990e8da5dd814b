"""The settings in the API and at the desk: read, check, change, undo."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web

from gateway.errors import SettingsError, UsageError
from gateway.health import Vitals
from gateway.reconfigure.events import KINDS
from gateway.reconfigure.lifecycle import ChangeRequest, SettingsLifecycle
from gateway.reconfigure.page import SettingsPage
from gateway.reconfigure.records import ChangeOutcome, ChangeRecord, digest_of
from gateway.reconfigure.redaction import redact
from gateway.reconfigure.responses import ChangeResponse, mistakes_response
from gateway.web.audit_middleware import acting_account, set_target
from gateway.web.i18n import translator_for
from gateway.web.live_views import with_header
from gateway.web.responses import json_response
from gateway.web.section import Card, GuardedPulse, Handler, Permission, Route, Section

HERE = Path(__file__).parent
API = "/api/v1/settings"
WHY_CHARACTERS_MAX = 200

# Checked by hand, for a remedy of its own.
ChangeReason = Annotated[
    str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": WHY_CHARACTERS_MAX})
]


class SettingsDocument(msgspec.Struct, frozen=True):
    """The present settings; secrets are redacted."""

    digest: str
    text: str


class SettingsText(msgspec.Struct, frozen=True):
    """A whole text to check."""

    text: str


class ApplyRequest(msgspec.Struct, frozen=True):
    """A change: the whole text, the reason, and the digest of the text it replaces."""

    text: str
    why: ChangeReason
    base: str | None = None


class UndoRequest(msgspec.Struct, frozen=True):
    """Restore the text of that change; without a number, the one before the last."""

    why: ChangeReason
    number: int | None = None


# The names of people by their ids.
PeopleNames = Callable[[], Mapping[str, str]]


def section(cycle: SettingsLifecycle, vitals: Callable[[], Vitals], names: PeopleNames) -> Section:
    """`/desk/settings` and `/api/v1/settings`; each needs the install permission."""
    page = SettingsPage(cycle, vitals, names, _undone)
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
        pulses={"settings": GuardedPulse(Permission.INSTALL, with_header(page.view))},
        kinds=KINDS,
    )


def _api(cycle: SettingsLifecycle) -> tuple[Route, ...]:
    async def show(_request: web.Request) -> web.StreamResponse:
        text = redact(cycle.running, str(cycle.shelf.file))
        return json_response(SettingsDocument(digest_of(cycle.running), text))

    async def history(_request: web.Request) -> web.StreamResponse:
        return json_response(list(cycle.records))

    async def check(request: web.Request) -> web.StreamResponse:
        asked: SettingsText = _body(await request.read(), SettingsText)

        async def look() -> ChangeResponse:
            return ChangeResponse(preview=await cycle.preview(asked.text.encode()))

        return await _answered(request, look)

    async def apply(request: web.Request) -> web.StreamResponse:
        asked: ApplyRequest = _body(await request.read(), ApplyRequest)
        change = ChangeRequest(
            text=asked.text.encode(), who=_who(request), why=_why(asked.why), base=asked.base
        )

        async def change_settings() -> ChangeResponse:
            return ChangeResponse(_on(request, await cycle.apply(change)))

        return await _answered(request, change_settings)

    async def undo(request: web.Request) -> web.StreamResponse:
        asked: UndoRequest = _body(await request.read(), UndoRequest)

        async def change_settings() -> ChangeResponse:
            return ChangeResponse(await _undone(cycle, request, asked.why, asked.number))

        return await _answered(request, change_settings)

    return (
        _look("", show, "The settings, secrets under a veil", SettingsDocument),
        _look("/history", history, "Who changed the settings, and why", list[ChangeRecord]),
        _act("/check", check, "What a text would change", "check", SettingsText),
        _act("", apply, "Change the settings", "apply", ApplyRequest),
        _act("/undo", undo, "Back to earlier settings", "undo", UndoRequest),
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
        returns=ChangeResponse,
        also={HTTPStatus.UNPROCESSABLE_ENTITY: ChangeResponse},
    )


async def _answered(
    request: web.Request, change_settings: Callable[[], Awaitable[ChangeResponse]]
) -> web.StreamResponse:
    """The answer; mistakes are an answer as well, in the reader's language."""
    try:
        return json_response(await change_settings())
    except SettingsError as error:
        answer = mistakes_response(error, translator_for(request))
        if answer is None:
            raise
        return json_response(answer, status=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _undone(
    cycle: SettingsLifecycle, request: web.Request, why: str, number: int | None
) -> ChangeOutcome:
    return _on(request, await cycle.undo(_who(request), _why(why), number))


def _on(request: web.Request, outcome: ChangeOutcome) -> ChangeOutcome:
    set_target(request, str(outcome.number))
    return outcome


def _who(request: web.Request) -> str:
    """The actor; over the control socket it is the station's own user."""
    actor = acting_account(request)
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

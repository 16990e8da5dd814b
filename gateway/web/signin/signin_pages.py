"""Pages for signing in and out: a refused form comes back with the reason on it."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from gateway.access import Access, Caller, SignInTokens
from gateway.clock import Clock
from gateway.errors import AccessDenied, StationError, UsageError
from gateway.event import Trust
from gateway.health import Vitals
from gateway.web.audit_middleware import mark_audited, request_origin
from gateway.web.authorization import CALLER, DESK_COOKIE, SESSION_COOKIE
from gateway.web.i18n import translator_for
from gateway.web.page_renderer import PAGES, set_cookie
from gateway.web.responses import http_status

FIELD_MAX = 400
# The longest that browsers accept.
DESK_COOKIE_S = 400 * 86_400

START = "/desk/"
# Fields that are filled in again after a refusal.
KEPT = ("id", "name")


class SignInPages:
    """The handlers; `claimed` is called when the first account was made."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        vitals: Callable[[], Vitals],
        claimed: Callable[[], Awaitable[None]],
    ) -> None:
        self._access = access
        self._clock = clock
        self._vitals = vitals
        self._claimed = claimed

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The form that fits: claim, sign in, unlock, or one's own account."""
        return self._page(request)

    def _page(
        self,
        request: web.Request,
        error: StationError | None = None,
        form: "SubmittedForm | None" = None,
        done: str = "",
    ) -> web.Response:
        words, vitals = translator_for(request), self._vitals()
        trouble = None if error is None else words(error.code, **error.data)
        page = request.app[PAGES].render(
            request,
            "signin/signin.html",
            vitals,
            {},
            status=200 if error is None else http_status(error),
            claimed=self._access.claimed,
            known=self._access.remembered_users(request.cookies.get(DESK_COOKIE, "")),
            trouble=trouble,
            typed={} if form is None else {name: form(name) for name in KEPT},
            done=done,
            next=safe_redirect(request.query.get("next", "") if form is None else form("next")),
            unset=vitals.clock.trust is Trust.NONE,
        )
        if error is not None and "retry_after_s" in error.data:
            page.headers["Retry-After"] = str(error.data["retry_after_s"])
        return page

    async def claim(self, request: web.Request) -> web.StreamResponse:
        async def make(form: SubmittedForm) -> SignInTokens:
            signed = await self._access.claim(
                form("code"), form("id"), form("name"), form("password"), request_origin(request)
            )
            await self._claimed()
            return signed

        return await self._come_in(request, make)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        desk, former = _cookies(request)
        return await self._come_in(
            request,
            lambda form: self._access.sign_in(
                form("id"), form("password"), request_origin(request), desk, former
            ),
        )

    async def first(self, request: web.Request) -> web.StreamResponse:
        """Set a password with a one-time code."""
        return await self._come_in(
            request,
            lambda form: self._access.set_first_password(
                form("id"), form("code"), form("password"), request_origin(request)
            ),
        )

    async def unlock(self, request: web.Request) -> web.StreamResponse:
        """Sign in by the PIN of this computer."""
        desk, former = _cookies(request)
        return await self._come_in(
            request,
            lambda form: self._access.unlock(
                form("id"), form("pin"), request_origin(request), desk, former
            ),
        )

    async def password(self, request: web.Request) -> web.StreamResponse:
        """Change one's own password."""
        desk, _ = _cookies(request)
        caller = self._caller(request)
        return await self._come_in(
            request,
            lambda form: self._access.set_password(
                caller, form("old"), form("password"), request_origin(request), desk
            ),
        )

    async def pin(self, request: web.Request) -> web.StreamResponse:
        """Set a PIN for this computer."""
        form = await SubmittedForm.from_request(request)
        try:
            await self._access.set_pin(
                self._caller(request), form("password"), form("pin"), request_origin(request)
            )
        except (AccessDenied, UsageError) as error:
            _written(request, error)
            return self._page(request, error)
        mark_audited(request)
        return self._page(request, done=translator_for(request)("signin.pin-set"))

    async def out(self, request: web.Request) -> web.StreamResponse:
        await self._access.sign_out(self._caller(request), request_origin(request))
        mark_audited(request)
        answer = _onward_to("/signin")
        answer.del_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return answer

    def _caller(self, request: web.Request) -> Caller:
        """Who is signed in; AccessDenied for a program on the control socket."""
        caller: Caller | None = request.get(CALLER)
        if caller is None:
            raise AccessDenied("web.sign-in-first")
        return caller

    async def _come_in(
        self, request: web.Request, way: Callable[["SubmittedForm"], Awaitable[SignInTokens]]
    ) -> web.StreamResponse:
        """Sign in that way: on with fresh cookies, or back to the form with the reason."""
        form = await SubmittedForm.from_request(request)
        try:
            signed = await way(form)
        except (AccessDenied, UsageError) as error:
            _written(request, error)
            return self._page(request, error, form)
        mark_audited(request)
        answer = _onward_to(safe_redirect(form("next")) or START)
        set_cookie(answer, SESSION_COOKIE, signed.token)
        set_cookie(answer, DESK_COOKIE, signed.desk, max_age=DESK_COOKIE_S)
        return answer


class SubmittedForm:
    """The fields of a form; a missing, binary or overlong one is empty."""

    def __init__(self, fields: Any) -> None:
        self._fields = fields

    @classmethod
    async def from_request(cls, request: web.Request) -> "SubmittedForm":
        return cls(await request.post())

    def __call__(self, name: str) -> str:
        value = self._fields.get(name, "")
        return value if isinstance(value, str) and len(value) <= FIELD_MAX else ""


def safe_redirect(path: str) -> str:
    """A path of this station to continue to; "" for anything that may lead elsewhere."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain and not parts.netloc and len(path) <= FIELD_MAX else ""


def _onward_to(path: str) -> web.Response:
    """A redirect to that page that can carry cookies."""
    return web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": path})


def _cookies(request: web.Request) -> tuple[str, str]:
    return request.cookies.get(DESK_COOKIE, ""), request.cookies.get(SESSION_COOKIE, "")


def _written(request: web.Request, error: StationError) -> None:
    """Attempts that were checked are in the audit log already; those that had to wait are not."""
    if isinstance(error, AccessDenied) and error.code != "access.wait":
        mark_audited(request)

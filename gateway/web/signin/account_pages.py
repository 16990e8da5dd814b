"""Account pages for installers, and the same as JSON for the console."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from gateway.access import Access, Account, Role
from gateway.access.account_admin import AccountAdmin
from gateway.access.accounts import role_named
from gateway.errors import StationError, UsageError
from gateway.health import Vitals
from gateway.web.audit_middleware import acting_account, mark_audited, request_origin, set_target
from gateway.web.i18n import translator_for
from gateway.web.page_renderer import PAGES
from gateway.web.responses import http_status, json_response
from gateway.web.signin.signin_pages import SubmittedForm

# Acts that end a person's sessions at once, and so are confirmed first.
TAKES_AWAY = ("reset", "disable")


class AccountReport(msgspec.Struct, frozen=True):
    """One account in the API; `state` is `open`, `disabled` or `invited`."""

    id: str
    name: str
    role: str
    state: str


class OneTimeCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A one-time code: entered once at `/signin`, then invalid."""

    id: str = ""
    code: str = ""


class ClaimCode(msgspec.Struct, frozen=True):
    """The claim code, or null if there is an account."""

    code: str | None


class AccountPages:
    def __init__(self, access: Access, keys: AccountAdmin, vitals: Callable[[], Vitals]) -> None:
        self._access = access
        self._keys = keys
        self._vitals = vitals

    async def page(self, request: web.Request) -> web.StreamResponse:
        """All accounts; `?ask=reset&id=…` asks for confirmation first."""
        return self._page(request)

    def _page(
        self,
        request: web.Request,
        error: StationError | None = None,
        code: OneTimeCode | None = None,
    ) -> web.Response:
        words, accounts = (
            translator_for(request),
            [account_report(account) for account in self._keys.all()],
        )
        return request.app[PAGES].render(
            request,
            "signin/keys.html",
            self._vitals(),
            {},
            status=200 if error is None else http_status(error),
            accounts=accounts,
            ask=_asked(request, accounts),
            roles=[role.value for role in Role],
            trouble=None if error is None else words(error.code, **error.data),
            code=code,
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Apply one action to one account, and show the list again."""
        form = await SubmittedForm.from_request(request)
        what, id_ = request.match_info.get("what", "add"), request.match_info.get("id", form("id"))
        try:
            code = await self._do(request, what, id_, form("name"), form("role"))
        except UsageError as error:
            return self._page(request, error)
        return self._page(request, code=code if code.code else None)

    async def list(self, _request: web.Request) -> web.StreamResponse:
        return json_response([account_report(account) for account in self._keys.all()])

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Apply one action to one account, as JSON."""
        what, id_ = request.match_info["what"], request.match_info["id"]
        name, role = request.query.get("name", ""), request.query.get("role", "")
        return json_response(await self._do(request, what, id_, name, role))

    async def claim_code(self, _request: web.Request) -> web.StreamResponse:
        return json_response(ClaimCode(self._access.claim_code))

    async def _do(
        self, request: web.Request, what: str, id_: str, name: str, role: str
    ) -> OneTimeCode:
        by, where, code = acting_account(request), request_origin(request), ""
        set_target(request, id_)
        match what:
            case "add":
                code = await self._keys.add(by, where, id_, name, role_named(role))
            case "reset":
                code = await self._keys.reset(by, where, id_)
            case "disable":
                await self._keys.disable(by, where, id_)
            case "enable":
                await self._keys.enable(by, where, id_)
            case "role":
                await self._keys.give_role(by, where, id_, role_named(role))
            case _:
                raise web.HTTPNotFound
        mark_audited(request)
        return OneTimeCode(id_, code)


def account_report(account: Account) -> AccountReport:
    """The account without secrets."""
    state = "disabled" if account.disabled else "open" if account.password else "invited"
    return AccountReport(account.id, account.name, account.role.value, state)


def _asked(request: web.Request, accounts: list[AccountReport]) -> tuple[str, AccountReport] | None:
    """The action and account to be confirmed."""
    what, id_ = request.query.get("ask", ""), request.query.get("id", "")
    found = next((account for account in accounts if account.id == id_), None)
    return None if found is None or what not in TAKES_AWAY else (what, found)

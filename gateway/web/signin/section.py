"""The addresses of sign-in."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.access import Access
from gateway.access.account_admin import AccountAdmin
from gateway.clock import Clock
from gateway.health import Vitals
from gateway.web.section import Handler, Permission, Route, Section
from gateway.web.signin.account_pages import AccountPages, AccountReport, ClaimCode, OneTimeCode
from gateway.web.signin.signin_pages import SignInPages
from gateway.web.signin.trust_page import TrustPage
from gateway.web.station_tls import StationTls

HERE = Path(__file__).parent


def section(
    access: Access,
    tls: StationTls,
    clock: Clock,
    vitals: Callable[[], Vitals],
    claimed: Callable[[], Awaitable[None]],
) -> Section:
    """Sign-in over those accounts; `claimed` is awaited when the first one was made."""
    enter = SignInPages(access, clock, vitals, claimed)
    ring = AccountPages(access, AccountAdmin(access, clock), vitals)
    trust = TrustPage(tls, vitals)
    anyone, own, install = Permission.PUBLIC, Permission.OWN, Permission.INSTALL
    return Section(
        name="signin",
        routes=(
            Route(path="/signin", handler=enter.page, permission=anyone),
            _post("/signin/claim", enter.claim, anyone, "signin/claim"),
            _post("/signin/enter", enter.sign_in, anyone, "signin/enter"),
            _post("/signin/first", enter.first, anyone, "signin/first"),
            _post("/signin/unlock", enter.unlock, anyone, "signin/unlock"),
            _post("/signin/out", enter.out, own, "signin/out"),
            _post("/signin/password", enter.password, own, "signin/set-password"),
            _post("/signin/pin", enter.pin, own, "signin/set-pin"),
            Route(path="/signin/keys", handler=ring.page, permission=install),
            _post("/signin/keys/add", ring.act, install, "keys/add"),
            _post("/signin/keys/{id}/{what}", ring.act, install, "keys/change"),
            Route(path="/trust", handler=trust.page, permission=anyone),
            Route(path="/trust/authority.cer", handler=trust.authority, permission=anyone),
            *_api(ring),
        ),
        templates=HERE / "pages",
        static=HERE / "static",
    )


def _post(path: str, handler: Handler, permission: Permission, act: str) -> Route:
    return Route(method="POST", path=path, handler=handler, permission=permission, act=act)


def _api(ring: AccountPages) -> tuple[Route, ...]:
    install = Permission.INSTALL
    return (
        Route(
            path="/api/v1/accounts",
            handler=ring.list,
            permission=install,
            summary="Who has an account",
            returns=list[AccountReport],
        ),
        Route(
            method="POST",
            path="/api/v1/accounts/{id}/{what}",
            handler=ring.api,
            permission=install,
            summary="add, reset, disable, enable or role: what is done to one account",
            returns=OneTimeCode,
            query={"name": "for add", "role": "for add and role: viewer, staff or installer"},
            act="keys/change",
        ),
        Route(
            path="/api/v1/claim",
            handler=ring.claim_code,
            permission=install,
            summary="The code that makes the first account; null once there is one",
            returns=ClaimCode,
            act="signin/claim-code",
        ),
    )

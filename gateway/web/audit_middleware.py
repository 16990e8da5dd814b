"""Writes an act for every request that changes something, whatever its result.

A handler whose room has written the act itself, together with the change, calls `mark_audited`.
Refusals are free to cause, so only a limited number is written; the rest is counted in the next
one.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.access import Access
from gateway.audit import Actor, ActOrigin, ActResult, AuditLog
from gateway.audit.events import CONSOLE, STRANGER
from gateway.clock import Clock
from gateway.errors import JournalFull, StationError
from gateway.faults import OnFault, log_fault
from gateway.web.authorization import CALLER, SAFE, is_by_control
from gateway.web.section import Route

TOLD: web.RequestKey[bool] = web.RequestKey("told", bool)
ON: web.RequestKey[str] = web.RequestKey("on", str)

BURST = 20
REFILL_S = 15
SECOND_NS = 1_000_000_000


def mark_audited(request: web.Request) -> None:
    """The act of this request is in the audit log already."""
    request[TOLD] = True


def set_target(request: web.Request, on: str) -> None:
    """Name the target of this request: an id, never a secret or a personal field."""
    request[ON] = on


def acting_account(request: web.Request) -> Actor:
    if is_by_control(request):
        return CONSOLE
    caller = request.get(CALLER)
    return STRANGER if caller is None else caller.who


def request_origin(request: web.Request) -> ActOrigin:
    """Where the request comes from; a known computer by enough of its digest to tell it apart."""
    if is_by_control(request):
        return ActOrigin("console")
    caller = request.get(CALLER)
    return ActOrigin(request.remote or "", "" if caller is None else caller.desk[:8])


class RefusalBudget:
    """How many refusals may be written: a burst, and then one now and then."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at_ns = 0
        self._alike = 0

    def spend(self, now_ns: int) -> int | None:
        """How many were left out before this one; None if this one is left out as well."""
        refill = (now_ns - self._at_ns) / (REFILL_S * SECOND_NS)
        self._left, self._at_ns = min(BURST, self._left + refill), now_ns
        if self._left < 1:
            self._alike += 1
            return None
        self._left -= 1
        alike, self._alike = self._alike, 0
        return alike


class AuditMiddleware:
    """Wraps the handlers of routes that change something."""

    def __init__(
        self, ledger: AuditLog, access: Access, clock: Clock, on_fault: OnFault = log_fault
    ) -> None:
        """`on_fault` receives acts that a full disk refuses."""
        self._on_fault = on_fault
        self._ledger = ledger
        self._access = access
        self._clock = clock
        self._budget = RefusalBudget()

    async def handle(
        self,
        request: web.Request,
        route: Route,
        handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Handle the request, and write its result before the caller gets it."""
        if request.method in SAFE and not route.act:
            answer = await handle(request)
            self._touch(request)
            return answer
        try:
            answer = await handle(request)
        except web.HTTPException as error:
            await self._outcome(request, route, error.status, f"http.{error.status}")
            raise
        except StationError as error:
            await self._write(request, route, ActResult.REFUSED, error.code)
            raise
        except Exception:  # recorded and raised again: the log needs what the middleware answers
            await self._write(request, route, ActResult.FAILED, "web.failed")
            raise
        await self._outcome(request, route, answer.status, f"http.{answer.status}")
        self._touch(request)
        return answer

    def _touch(self, request: web.Request) -> None:
        """A page view or an act shows that the person is active; a stream does not."""
        caller = request.get(CALLER)
        if caller is not None and not request.path.startswith("/api/v1/events"):
            self._access.touch(caller)

    async def _outcome(self, request: web.Request, route: Route, status: int, why: str) -> None:
        if status < web.HTTPBadRequest.status_code:
            await self._write(request, route, ActResult.DONE, "")
        elif status < web.HTTPInternalServerError.status_code:
            await self._write(request, route, ActResult.REFUSED, why)
        else:
            await self._write(request, route, ActResult.FAILED, why)

    async def _write(self, request: web.Request, route: Route, result: ActResult, why: str) -> None:
        if request.get(TOLD):
            return
        alike = 0
        caller = request.get(CALLER)
        if result is ActResult.REFUSED:
            left_out = self._budget.spend(self._clock.now_ns())
            if left_out is None:
                return
            alike = left_out
        try:
            await self._ledger.record(
                acting_account(request),
                route.act or f"{route.method} {route.path}",
                on=request.get(ON, ""),
                result=result,
                why=why,
                place=request_origin(request),
                alike=alike,
                state=[] if caller is None else self._access.activity_changes(caller),
            )
        except JournalFull as error:
            # It has happened or was refused: any other answer would be wrong.
            self._on_fault("web.audit", error)

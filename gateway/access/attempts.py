"""Attempts to sign in: counted before they are checked, at the same cost for any name."""

import hmac
import ipaddress
import math
from typing import NoReturn

import msgspec

from gateway import entropy
from gateway.access import codes
from gateway.access.accounts import PIN_TRIES, Account, KnownComputer
from gateway.access.password_worker import PasswordWorker
from gateway.access.store import AccessStore, computer_key
from gateway.access.throttle import address_block
from gateway.audit import Actor, ActOrigin, ActResult
from gateway.clock import Clock
from gateway.errors import AccessDenied
from gateway.signing import KEY_BYTES

WRONG = "access.wrong"
_replace = msgspec.structs.replace


class Attempts:
    """Counts, checks and refuses attempts; a refusal is in the audit log before it is returned."""

    def __init__(self, book: AccessStore, clock: Clock, evaluator: PasswordWorker) -> None:
        self._book = book
        self._clock = clock
        self.evaluator = evaluator
        self._salt = entropy.token_bytes(KEY_BYTES)

    async def check_password(
        self,
        what: str,
        id_: str,
        password: str,
        place: ActOrigin,
        desk: str,
    ) -> Account:
        """The account that the password opens; AccessDenied, after the same work, if none.

        `desk` is the digest of the computer's token.
        """
        typed = id_.strip().lower()
        known = self._book.computer(desk)
        stranger = None if _at_station(place) else address_block(place.address)
        keys: tuple[str, ...] = (self.count_key(typed), f"address:{stranger}")
        if known is not None and known.knows(typed):
            keys, stranger = (f"desk:{desk[:16]}:{typed}",), None
        elif stranger is None:
            keys = (f"here:{self.count_key(typed)}",)
        self.admit(keys, stranger=stranger)
        account = self._usable(typed)
        tried = None if account is None else account.password
        right = await self.evaluator.verify(password, tried, stranger=stranger is not None)
        now = self._usable(typed)
        if not right or now is None or now.password != tried:
            left = self._book.throttle.attempts_left(keys, self._clock.now_ns())
            await self.refuse(what, typed, WRONG, place, left=left)
        self._book.throttle.forgive(keys, stranger=stranger)
        return now

    def count_key(self, typed: str) -> str:
        """The key under which attempts for that id are counted.

        An invalid id may be a password or a telephone number in the wrong field: its
        digest.
        """
        if self._book.account(typed) is not None:
            return f"account:{typed}"
        return f"account:?{hmac.digest(self._salt, typed.encode(), 'sha256').hex()[:24]}"

    def _usable(self, account: str) -> Account | None:
        found = self._book.account(account)
        return found if found and found.password and not found.disabled else None

    def is_valid_code(self, account: Account, code: str) -> bool:
        """Whether that is the valid one-time code of the account."""
        plain = codes.token_digest("".join(code.split()).replace("-", "").upper())
        invite = account.invite
        return (
            invite is not None
            and not account.disabled
            and invite.open(self._clock.boot, self._clock.now_ns())
            and invite.digest == plain
        )

    def admit(self, keys: tuple[str, ...], *, stranger: str | None = None) -> None:
        """Count an attempt under those keys; AccessDenied if it must wait."""
        wait_s = self._book.throttle.admit(keys, self._clock.now_ns(), stranger=stranger)
        if wait_s:
            raise AccessDenied("access.wait", retry_after_s=math.ceil(wait_s))

    async def refuse(
        self, what: str, on: str, why: str, place: ActOrigin, *, left: int = 0
    ) -> NoReturn:
        """Record the refusal, and refuse; `on` is named only if it is an id."""
        stranger = Actor("system")
        on = on if self._book.account(on) is not None else ""
        await self._book.commit(
            stranger, what, on=on, place=place, result=ActResult.REFUSED, why=why
        )
        raise AccessDenied(why, left=left)

    async def wrong_pin(
        self, account: Account, desk: KnownComputer, digest: str, place: ActOrigin
    ) -> NoReturn:
        """Count it; after too many the PIN is deleted, and only the password is accepted."""
        held = desk.people.get(account.id)
        wrong = PIN_TRIES if held is None else held.wrong + 1
        pin = None if held is None or wrong >= PIN_TRIES else _replace(held, wrong=wrong)
        changed = KnownComputer({**desk.people, account.id: pin}, desk.used)
        await self._book.commit(
            Actor("system"),
            "signin/unlock",
            (computer_key(digest), changed),
            on=account.id,
            place=place,
            result=ActResult.REFUSED,
            why="access.wrong-pin",
        )
        raise AccessDenied("access.wrong-pin", left=PIN_TRIES - wrong)


def _at_station(place: ActOrigin) -> bool:
    """Whether the person is at the station's own screen."""
    try:
        return ipaddress.ip_address(place.address).is_loopback
    except ValueError:
        return False

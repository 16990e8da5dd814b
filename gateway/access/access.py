"""Signing in and out: the claim, passwords, PINs, sessions.

Every attempt is counted before it is checked, and checked at the same cost whether or not the
account exists. Every act is in the audit log before its caller gets the result.
"""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from gateway import entropy
from gateway.access import codes, passwords
from gateway.access.accounts import (
    Account,
    KnownComputer,
    Pin,
    Role,
    account_id,
    person_name,
)
from gateway.access.attempts import Attempts
from gateway.access.callers import Caller, Callers
from gateway.access.fallback_copy import FallbackCopy
from gateway.access.password_worker import PasswordWorker
from gateway.access.sessions import Level, Session, SessionStatus
from gateway.access.store import (
    ROOM,
    AccessRows,
    AccessStore,
    RowChange,
    account_key,
    computer_key,
    decode_row,
    session_key,
)
from gateway.access.throttle import address_block
from gateway.audit import ActOrigin, AuditLog
from gateway.clock import Clock
from gateway.errors import AccessDenied, StationError, UsageError
from gateway.journal import load_state
from gateway.journal.ports import ReadAppender
from gateway.signing import KEY_BYTES, secret_key

_replace = msgspec.structs.replace


class SignInTokens(msgspec.Struct, frozen=True):
    """What a browser gets at sign-in: the token of the session, and that of the known computer."""

    token: str
    desk: str


class RememberedUser(msgspec.Struct, frozen=True):
    """A person who has signed in at this computer before, and whether a PIN is enough."""

    account: str
    name: str
    pin: bool


class Access(Callers):
    """Accounts and sign-in. Stations use `open`."""

    def __init__(
        self, book: AccessStore, clock: Clock, evaluator: PasswordWorker, claim: Path
    ) -> None:
        """`claim` is the file of the secret that the claim code is derived from."""
        super().__init__(book, clock)
        self._claim = claim
        self._unkept = b""
        self.attempts = Attempts(book, clock, evaluator)
        self._claiming = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        journal: ReadAppender,
        ledger: AuditLog,
        clock: Clock,
        keys: Path,
        *,
        cost: passwords.ScryptCost = passwords.COST,
        volatile: bool = False,
    ) -> "Access":
        """Load from this journal; `keys` is the folder of the station's secrets.

        A `volatile` journal has stored nothing: the accounts then come from the copy beside
        it.
        """
        spare = FallbackCopy(keys / "accounts.json")
        if volatile:
            book = AccessStore(spare.read(), ledger, clock.now_ns())
        else:
            written = await journal.load(ROOM)
            rows = await load_state(journal, ROOM, decode_row)
            lost = written.keys() - rows.keys()
            back = {key: row for key, row in spare.read().items() if key in lost}
            book = AccessStore({**rows, **back}, ledger, clock.now_ns(), spare)
            book.restore(journal, {**back, **book.adopt_sessions(clock.boot, clock.now_ns())})
            await book.update_copy()
        return cls(book, clock, PasswordWorker(cost), keys / "claim.key")

    @property
    def evaluator(self) -> PasswordWorker:
        return self.attempts.evaluator

    def close(self) -> None:
        """Start no further password checks."""
        self.evaluator.close()

    @property
    def claimed(self) -> bool:
        """Whether there is an account; before that, the station listens on loopback only."""
        return bool(self.book.accounts())

    @property
    def claim_code(self) -> str | None:
        """The code that makes the first account; None once there is one.

        If the disk cannot store its secret, the code lasts as long as the process.
        """
        if self.claimed:
            return None
        try:
            return codes.derive_code(secret_key(self._claim))
        except (OSError, StationError):
            self._unkept = self._unkept or entropy.token_bytes(KEY_BYTES)
            return codes.derive_code(self._unkept)

    def remembered_users(self, desk: str) -> list[RememberedUser]:
        """Who has signed in before at the computer with that token."""
        found = self.book.computer(codes.token_digest(desk))
        accounts = {} if found is None else found.people
        known = ((self.book.account(id_), pin) for id_, pin in accounts.items())
        return [
            RememberedUser(account.id, account.name, pin is not None)
            for account, pin in known
            if account is not None and not account.disabled
        ]

    async def claim(
        self, code: str, id_: str, name: str, password: str, place: ActOrigin
    ) -> SignInTokens:
        """Make the first account, an installer's; AccessDenied if the code is wrong or used."""
        async with self._claiming:
            source = address_block(place.address)
            keys = (f"claim:{source}",)
            self.attempts.admit(keys, stranger=source)
            expected = self.claim_code
            if expected is None or not codes.codes_match(code, expected):
                await self.attempts.refuse("signin/claim", "", "access.wrong-code", place)
            self.book.throttle.forgive(keys, stranger=source)  # a weak password is not a guess
            account = Account(id=account_id(id_), name=person_name(name), role=Role.INSTALLER)
            account = _replace(account, password=await self._kept(account, password))
            signed = await self._begin(account, "password", "signin/claim", place, renewed=account)
            with contextlib.suppress(OSError):  # a dead disk keeps it, but it opens nothing now
                await asyncio.to_thread(self._claim.unlink, missing_ok=True)
            return signed

    async def sign_in(
        self, id_: str, password: str, place: ActOrigin, desk: str = "", former: str = ""
    ) -> SignInTokens:
        """Sign in by password; `former` is a session token that ends with it."""
        account = await self.attempts.check_password(
            "signin/enter", id_, password, place, codes.token_digest(desk)
        )
        renewed = None
        if self.evaluator.needs_rehash(account.password or ""):
            renewed = _replace(account, password=await self.evaluator.hash(password))
        self._still(account)
        return await self._begin(
            account, "password", "signin/enter", place, desk=desk, former=former, renewed=renewed
        )

    async def set_first_password(
        self, id_: str, code: str, password: str, place: ActOrigin
    ) -> SignInTokens:
        """Set a password with the one-time code of a new or reset account, and sign in."""
        typed = id_.strip().lower()
        source = address_block(place.address)
        keys = (self.attempts.count_key(typed), f"address:{source}")
        self.attempts.admit(keys, stranger=source)
        account = self.book.account(typed)
        if account is None or not self.attempts.is_valid_code(account, code):
            await self.attempts.refuse("signin/first", typed, "access.wrong-code", place)
        self.book.throttle.forgive(keys, stranger=source)  # a weak password is no guess
        kept = await self._kept(account, password)
        account = self.book.pending_rows().account(typed)
        if account is None or not self.attempts.is_valid_code(account, code):
            await self.attempts.refuse("signin/first", typed, "access.wrong-code", place)
        renewed = _replace(account, password=kept, invite=None, generation=account.generation + 1)
        return await self._begin(renewed, "password", "signin/first", place, renewed=renewed)

    async def unlock(
        self, id_: str, pin: str, place: ActOrigin, desk: str, former: str = ""
    ) -> SignInTokens:
        """Sign in for quick actions by the PIN that was set at this computer."""
        digest = codes.token_digest(desk)
        known = self.book.computer(digest)
        held = None if known is None else known.people.get(id_)
        if known is None or held is None:
            raise AccessDenied("access.no-pin")
        self.attempts.admit((f"pin:{digest[:16]}:{id_}",))
        right = await self.evaluator.verify(pin, held.kept)
        ahead = self.book.pending_rows()
        account, known = ahead.account(id_), ahead.computer(digest)
        now = None if known is None else known.people.get(id_)
        if account is None or account.disabled or known is None or now is None:
            raise AccessDenied("access.no-pin")
        if now.kept != held.kept:
            raise AccessDenied("access.no-pin")
        if not right:
            await self.attempts.wrong_pin(account, known, digest, place)
        self.book.throttle.forgive((f"pin:{digest[:16]}:{id_}",))
        return await self._begin(account, "pin", "signin/unlock", place, desk=desk, former=former)

    async def set_pin(self, caller: Caller, password: str, pin: str, place: ActOrigin) -> None:
        """Give the caller a PIN at the computer where they are signed in."""
        account = await self.attempts.check_password(
            "signin/set-pin", caller.account, password, place, caller.desk
        )
        weak = passwords.pin_weakness(pin)
        if weak is not None:
            raise UsageError(weak)
        kept = await self.evaluator.hash(pin)
        self._still(account)
        desk = self.book.pending_rows().computer(caller.desk)
        if desk is None or not desk.knows(account.id):
            raise AccessDenied("access.no-desk")
        changed = KnownComputer({**desk.people, account.id: Pin(kept)}, desk.used)
        await self.book.commit(
            caller.who, "signin/set-pin", (computer_key(caller.desk), changed), place=place
        )

    async def set_password(
        self, caller: Caller, old: str, new: str, place: ActOrigin, desk: str
    ) -> SignInTokens:
        """Change one's own password: every session of the old one ends, a new one begins."""
        account = await self.attempts.check_password(
            "signin/set-password", caller.account, old, place, caller.desk
        )
        kept = await self._kept(account, new)
        self._still(account)
        renewed = _replace(account, password=kept, generation=account.generation + 1)
        return await self._begin(
            renewed, "password", "signin/set-password", place, desk=desk, renewed=renewed
        )

    async def sign_out(self, caller: Caller, place: ActOrigin) -> None:
        """Sign out: the token is invalid from now on."""
        gone = (session_key(caller.session), None)
        await self.book.commit(caller.who, "signin/out", gone, place=place)

    def _still(self, account: Account) -> None:
        """AccessDenied if the account has changed since it was read, or is about to.

        A person who was disabled, reset or given another role meanwhile must not undo that.
        """
        if self.book.pending_rows().account(account.id) != account:
            raise AccessDenied("access.changed")

    async def _kept(self, account: Account, password: str) -> str:
        """The stored form of the new password; UsageError if it is weak."""
        weak = passwords.password_weakness(password, (account.id, account.name))
        if weak is not None:
            raise UsageError(weak, least=passwords.SIZE_MIN, most=passwords.SIZE_MAX)
        return await self.evaluator.hash(password)

    async def _begin(
        self,
        account: Account,
        level: Level,
        what: str,
        place: ActOrigin,
        *,
        desk: str = "",
        former: str = "",
        renewed: Account | None = None,
    ) -> SignInTokens:
        """A new session with a new token, at a computer that is known from now on.

        `renewed` is what the account becomes with it.
        """
        ahead = self.book.pending_rows()
        known = ahead.computer(codes.token_digest(desk)) if desk else None
        desk = desk if known is not None else codes.new_token()
        token, digest = codes.new_token(), codes.token_digest(desk)
        people = {} if known is None else dict(known.people)
        held = people.get(account.id)
        people[account.id] = held and _replace(held, wrong=0)
        now_ns = self._clock.now_ns()
        session = Session(
            account.id,
            level,
            digest,
            account.generation,
            self._clock.boot,
            now_ns,
            now_ns,
            now_ns,
            self._wall_ns(),
        )
        changes: list[RowChange] = [
            *ahead.rows_to_evict(account.id, digest),
            *self._ended(ahead, account),
        ]
        if former:
            changes.append((session_key(codes.token_digest(former)), None))
        changes.append((computer_key(digest), KnownComputer(people, ahead.next_use())))
        changes.append((session_key(codes.token_digest(token)), session))
        if renewed is not None:
            changes.append((account_key(account.id), renewed))
        await self.book.commit(account.actor, what, *changes, place=place)
        return SignInTokens(token, desk)

    def _ended(self, ahead: AccessRows, account: Account) -> list[RowChange]:
        """Sessions that are over, and those of an older password."""
        return [
            (key, None)
            for key, session in ahead.sessions().items()
            if self._standing(session) is SessionStatus.ENDED
            or (session.account == account.id and session.generation != account.generation)
        ]

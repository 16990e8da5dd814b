"""Coming in and going out: the claim, passwords, PINs, sessions.

Every try is counted before it is evaluated, and evaluated at the same cost whether there is such
an account or not. Every act is in the ledger before its caller hears of it.
"""

import asyncio
import contextlib
import math
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway import entropy
from gateway.access import codes, passwords
from gateway.access.accounts import (
    PIN_TRIES,
    Account,
    Desk,
    Pin,
    Role,
    account_id,
    person_name,
)
from gateway.access.book import (
    ROOM,
    Book,
    Change,
    account_key,
    decoded,
    desk_key,
    session_key,
)
from gateway.access.evaluator import Evaluator
from gateway.access.sessions import KEEP_EVERY_S, SECOND_NS, Level, Session, Standing
from gateway.access.spare import Spare
from gateway.access.throttle import network
from gateway.audit import Ledger, Place, Result, Who
from gateway.audit.ledger import Journal
from gateway.clock import Clock
from gateway.errors import Denied, StationError, UsageError
from gateway.journal import StateChange, load_state
from gateway.signing import KEY_BYTES, secret

WRONG = "access.wrong"
_ID_SHOWN = 32
_replace = msgspec.structs.replace


class Caller(msgspec.Struct, frozen=True):
    """Somebody signed in. `locked`: they may look, and must show who they are before they act."""

    account: str
    name: str
    role: Role
    level: Level
    locked: bool
    session: str
    desk: str
    who: Who


class Signed(msgspec.Struct, frozen=True):
    """What a browser is given at sign-in: the session's token, and that of a known computer."""

    token: str
    desk: str


class Known(msgspec.Struct, frozen=True):
    """Somebody who has signed in at this computer before, and whether a PIN will do."""

    account: str
    name: str
    pin: bool


class Access:
    """Who may come in. Stations use `open`."""

    def __init__(self, book: Book, clock: Clock, evaluator: Evaluator, claim: Path) -> None:
        """`claim` is the file of the secret that the claim code follows from."""
        self.book = book
        self.evaluator = evaluator
        self._clock = clock
        self._claim = claim
        self._unkept = b""
        self._claiming = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        journal: Journal,
        ledger: Ledger,
        clock: Clock,
        keys: Path,
        *,
        cost: passwords.Cost = passwords.COST,
        volatile: bool = False,
    ) -> "Access":
        """The room as this journal keeps it; `keys` is the folder of the station's secrets.

        Where the journal is `volatile` it kept nothing, and the copy beside it says who may come
        in.
        """
        spare = Spare(keys / "accounts.json")
        if volatile:
            book = Book(spare.read(), ledger, clock.now_ns())
        else:
            written = await journal.load(ROOM)
            rows = await load_state(journal, ROOM, decoded)
            lost = written.keys() - rows.keys()
            back = {key: row for key, row in spare.read().items() if key in lost}
            book = Book({**rows, **back}, ledger, clock.now_ns(), spare)
            book.take_back(journal, back)
            await book.keep_spare()
        return cls(book, clock, Evaluator(cost), keys / "claim.key")

    def close(self) -> None:
        """Begin nothing more."""
        self.evaluator.close()

    @property
    def claimed(self) -> bool:
        """Whether there is an account; before that, the station is on loopback only."""
        return bool(self.book.accounts())

    @property
    def claim_code(self) -> str | None:
        """The code that makes the first account; None once there is one.

        A disk that cannot keep its secret gets one for as long as this process lives.
        """
        if self.claimed:
            return None
        try:
            return codes.code_from(secret(self._claim))
        except (OSError, StationError):
            self._unkept = self._unkept or entropy.token_bytes(KEY_BYTES)
            return codes.code_from(self._unkept)

    def identify(self, token: str) -> Caller | None:
        """Who holds that session token; None if nobody does any more."""
        digest = codes.digest(token)
        session = self.book.session(digest)
        account = None if session is None else self.book.account(session.account)
        if session is None or account is None:
            return None
        standing = session.standing(self._clock.boot, self._clock.now_ns())
        if standing is Standing.ENDED or not _current(account, session):
            return None
        return Caller(
            account.id,
            account.name,
            account.role,
            session.level,
            standing is Standing.LOCKED,
            digest,
            session.desk,
            account.who,
        )

    def lives(self, caller: Caller) -> bool:
        """Whether what the caller was shown may still be shown: for streams."""
        session, account = self.book.session(caller.session), self.book.account(caller.account)
        if session is None or account is None or not _current(account, session):
            return False
        standing = session.standing(self._clock.boot, self._clock.now_ns())
        return standing is not Standing.ENDED

    def touch(self, caller: Caller) -> None:
        """The caller has just done something."""
        session = self.book.session(caller.session)
        if session is not None and not caller.locked:
            seen = _replace(session, seen_ns=self._clock.now_ns())
            self.book.show(session_key(caller.session), seen)

    def noted(self, caller: Caller) -> list[StateChange]:
        """What to write down with the caller's next act: that they are active, if that is news."""
        session = self.book.session(caller.session)
        if session is None or session.seen_ns - session.kept_ns < KEEP_EVERY_S * SECOND_NS:
            return []
        kept = _replace(session, kept_ns=session.seen_ns)
        self.book.show(session_key(caller.session), kept)
        return [StateChange(ROOM, session_key(caller.session), msgspec.json.encode(kept))]

    def known(self, desk: str) -> list[Known]:
        """Who has signed in at the computer with that token before."""
        found = self.book.desk(codes.digest(desk))
        accounts = {} if found is None else found.people
        known = ((self.book.account(id_), pin) for id_, pin in accounts.items())
        return [
            Known(account.id, account.name, pin is not None)
            for account, pin in known
            if account is not None and not account.disabled
        ]

    async def claim(self, code: str, id_: str, name: str, password: str, place: Place) -> Signed:
        """Make the first account, an installer's; Denied if the code is wrong or spent."""
        async with self._claiming:
            keys = (f"claim:{network(place.address)}",)
            self._admit(keys, stranger=True)
            expected = self.claim_code
            if expected is None or not codes.same_code(code, expected):
                await self._refuse("signin/claim", "", "access.wrong-code", place)
            self.book.throttle.forgive(keys, stranger=True)  # a weak password is no guess
            account = Account(id=account_id(id_), name=person_name(name), role=Role.INSTALLER)
            account = _replace(account, password=await self._kept(account, password))
            signed = await self._begin(account, "password", "signin/claim", place, new=True)
            with contextlib.suppress(OSError):  # a dead disk keeps it, and it opens nothing now
                await asyncio.to_thread(self._claim.unlink, missing_ok=True)
            return signed

    async def enter(
        self, id_: str, password: str, place: Place, desk: str = "", former: str = ""
    ) -> Signed:
        """Sign in by password; `former` is a session token that ends with it."""
        account = await self._tried("signin/enter", id_, password, place, codes.digest(desk))
        kept = account.password or ""
        if self.evaluator.outdated(kept):
            account = _replace(account, password=await self.evaluator.keep(password))
        new = account.password != kept
        return await self._begin(
            account, "password", "signin/enter", place, desk=desk, former=former, new=new
        )

    async def first(self, id_: str, code: str, password: str, place: Place) -> Signed:
        """Set a password with the one-time code of a new or reset account, and sign in."""
        typed = id_.strip().lower()[:_ID_SHOWN]
        keys = (f"account:{typed}", f"address:{network(place.address)}")
        self._admit(keys, stranger=True)
        account = self.book.account(typed)
        if account is None or not self._invited(account, code):
            await self._refuse("signin/first", typed, "access.wrong-code", place)
        self.book.throttle.forgive(keys, stranger=True)  # a weak password is no guess
        kept = await self._kept(account, password)
        account = self.book.account(typed)
        if account is None or not self._invited(account, code):
            await self._refuse("signin/first", typed, "access.wrong-code", place)
        renewed = _replace(account, password=kept, invite=None, generation=account.generation + 1)
        return await self._begin(renewed, "password", "signin/first", place, new=True)

    async def unlock(self, id_: str, pin: str, place: Place, desk: str, former: str = "") -> Signed:
        """Sign in for quick actions by the PIN that was set at this very computer."""
        digest = codes.digest(desk)
        known = self.book.desk(digest)
        held = None if known is None else known.people.get(id_)
        if known is None or held is None:
            raise Denied("access.no-pin")
        self._admit((f"pin:{digest[:16]}:{id_}",), stranger=False)
        right = await self.evaluator.right(pin, held.kept)
        account, known = self.book.account(id_), self.book.desk(digest)
        if account is None or account.disabled or known is None:
            raise Denied("access.no-pin")
        if not right:
            await self._wrong_pin(account, known, digest, place)
        self.book.throttle.forgive((f"pin:{digest[:16]}:{id_}",), stranger=False)
        return await self._begin(account, "pin", "signin/unlock", place, desk=desk, former=former)

    async def set_pin(self, caller: Caller, password: str, pin: str, place: Place) -> None:
        """Give the caller a PIN at the computer that they are signed in at."""
        account = await self._tried("signin/set-pin", caller.account, password, place, caller.desk)
        weak = passwords.pin_weakness(pin)
        if weak is not None:
            raise UsageError(weak)
        kept = await self.evaluator.keep(pin)
        desk = self.book.desk(caller.desk)
        if desk is None:
            raise Denied("access.no-desk")
        changed = Desk({**desk.people, account.id: Pin(kept)}, desk.used)
        await self.book.commit(
            caller.who, "signin/set-pin", (desk_key(caller.desk), changed), place=place
        )

    async def set_password(
        self, caller: Caller, old: str, new: str, place: Place, desk: str
    ) -> Signed:
        """Change one's own password: every session of the old one ends, a new one begins."""
        account = await self._tried("signin/set-password", caller.account, old, place, caller.desk)
        kept = await self._kept(account, new)
        renewed = _replace(account, password=kept, generation=account.generation + 1)
        return await self._begin(
            renewed, "password", "signin/set-password", place, desk=desk, new=True
        )

    async def leave(self, caller: Caller, place: Place) -> None:
        """Sign out: the token is worth nothing from now on."""
        gone = (session_key(caller.session), None)
        await self.book.commit(caller.who, "signin/out", gone, place=place)

    async def _tried(
        self,
        what: str,
        id_: str,
        password: str,
        place: Place,
        desk: str,
    ) -> Account:
        """The account that the password opens; Denied, after the same work, if it opens none.

        `desk` is the digest of the computer's token.
        """
        typed = id_.strip().lower()[:_ID_SHOWN]
        known = self.book.desk(desk)
        at_home = known is not None and known.knows(typed)
        keys: tuple[str, ...] = (f"account:{typed}", f"address:{network(place.address)}")
        if at_home:
            keys = (f"desk:{desk[:16]}:{typed}",)
        self._admit(keys, stranger=not at_home)
        account = self._usable(typed)
        tried = None if account is None else account.password
        right = await self.evaluator.right(password, tried)
        now = self._usable(typed)
        if not right or now is None or now.password != tried:
            left = self.book.throttle.left(keys, self._clock.now_ns())
            await self._refuse(what, typed, WRONG, place, left=left)
        self.book.throttle.forgive(keys, stranger=not at_home)
        return now

    def _usable(self, account: str) -> Account | None:
        found = self.book.account(account)
        return found if found and found.password and not found.disabled else None

    def _invited(self, account: Account, code: str) -> bool:
        plain = codes.digest("".join(code.split()).replace("-", "").upper())
        invite = account.invite
        return (
            invite is not None
            and not account.disabled
            and invite.open(self._clock.boot, self._clock.now_ns())
            and invite.digest == plain
        )

    def _admit(self, keys: tuple[str, ...], *, stranger: bool) -> None:
        wait_s = self.book.throttle.admit(keys, self._clock.now_ns(), stranger=stranger)
        if wait_s:
            raise Denied("access.wait", retry_after_s=math.ceil(wait_s))

    async def _refuse(
        self, what: str, on: str, why: str, place: Place, *, left: int = 0
    ) -> NoReturn:
        """Write down that it was refused, and refuse."""
        stranger = Who("system")
        await self.book.commit(stranger, what, on=on, place=place, result=Result.REFUSED, why=why)
        raise Denied(why, left=left)

    async def _wrong_pin(self, account: Account, desk: Desk, digest: str, place: Place) -> NoReturn:
        """Count it; after too many the PIN is gone, and only the password will do."""
        held = desk.people.get(account.id)
        wrong = PIN_TRIES if held is None else held.wrong + 1
        pin = None if held is None or wrong >= PIN_TRIES else _replace(held, wrong=wrong)
        changed = Desk({**desk.people, account.id: pin}, desk.used)
        await self.book.commit(
            Who("system"),
            "signin/unlock",
            (desk_key(digest), changed),
            on=account.id,
            place=place,
            result=Result.REFUSED,
            why="access.wrong-pin",
        )
        raise Denied("access.wrong-pin", left=PIN_TRIES - wrong)

    async def _kept(self, account: Account, password: str) -> str:
        """The new password as it is stored; UsageError if it is weak."""
        weak = passwords.weakness(password, (account.id, account.name))
        if weak is not None:
            raise UsageError(weak, least=passwords.SIZE_MIN, most=passwords.SIZE_MAX)
        return await self.evaluator.keep(password)

    async def _begin(
        self,
        account: Account,
        level: Level,
        what: str,
        place: Place,
        *,
        desk: str = "",
        former: str = "",
        new: bool = False,
    ) -> Signed:
        """A new session with a new token, at a computer that is known from now on."""
        known = self.book.desk(codes.digest(desk)) if desk else None
        desk = desk if known is not None else codes.new_token()
        token, digest = codes.new_token(), codes.digest(desk)
        people = {} if known is None else dict(known.people)
        held = people.get(account.id)
        people[account.id] = held and _replace(held, wrong=0)
        now_ns = self._clock.now_ns()
        session = Session(
            account.id, level, digest, account.generation, self._clock.boot, now_ns, now_ns, now_ns
        )
        changes: list[Change] = [*self.book.crowded(), *self._ended(account)]
        if former:
            changes.append((session_key(codes.digest(former)), None))
        changes.append((desk_key(digest), Desk(people, self.book.next_use())))
        changes.append((session_key(codes.digest(token)), session))
        if new:
            changes.append((account_key(account.id), account))
        await self.book.commit(account.who, what, *changes, place=place)
        return Signed(token, desk)

    def _ended(self, account: Account) -> list[Change]:
        """Sessions that are over, and those of an older password."""
        boot, now_ns = self._clock.boot, self._clock.now_ns()
        return [
            (key, None)
            for key, session in self.book.sessions().items()
            if session.standing(boot, now_ns) is Standing.ENDED
            or (session.account == account.id and session.generation != account.generation)
        ]


def _current(account: Account, session: Session) -> bool:
    return not account.disabled and account.generation == session.generation

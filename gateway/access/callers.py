"""Who is signed in: what a session's token allows now, and that its holder is active."""

import msgspec

from gateway.access import codes
from gateway.access.accounts import Account, Role
from gateway.access.sessions import KEEP_EVERY_S, SECOND_NS, Level, Session, SessionStatus
from gateway.access.store import ROOM, AccessStore, session_key
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.journal import StateChange

_replace = msgspec.structs.replace


class Caller(msgspec.Struct, frozen=True):
    """A person who is signed in. `locked`: they may look, and must authenticate before they act."""

    account: str
    name: str
    role: Role
    level: Level
    locked: bool
    session: str
    desk: str
    who: Actor


class Callers:
    """The sessions of the people who are signed in."""

    def __init__(self, book: AccessStore, clock: Clock) -> None:
        self.book = book
        self._clock = clock

    def identify(self, token: str, desk: str = "") -> Caller | None:
        """The holder of that session token; None if it is not valid (any more).

        A session of an earlier boot is valid only with the token of the computer, `desk`.
        """
        digest = codes.token_digest(token)
        session = self.book.session(digest)
        account = None if session is None else self.book.account(session.account)
        if session is None or account is None:
            return None
        at_home = (
            session.desk == codes.token_digest(desk)
            and self.book.computer(session.desk) is not None
        )
        standing = self._standing(session)
        if standing is SessionStatus.ENDED or not _current(account, session):
            return None
        if session.carried and not at_home:
            return None
        return Caller(
            account.id,
            account.name,
            account.role,
            session.level,
            standing is SessionStatus.LOCKED,
            digest,
            session.desk,
            account.actor,
        )

    def is_live(self, caller: Caller) -> bool:
        """Whether the caller may still see what they were shown: for streams."""
        session, account = self.book.session(caller.session), self.book.account(caller.account)
        if session is None or account is None or not _current(account, session):
            return False
        if self._standing(session) is SessionStatus.ENDED:
            return False
        heard = _replace(session, page_ns=self._clock.now_ns())
        self.book.set_in_memory(session_key(caller.session), heard)
        return True

    def active_accounts(self) -> set[str]:
        """The accounts of those who are signed in and active."""
        sessions = self.book.sessions().values()
        return {each.account for each in sessions if self._standing(each) is SessionStatus.ACTIVE}

    def _standing(self, session: Session) -> SessionStatus:
        return session.status(self._clock.boot, self._clock.now_ns(), self._wall_ns())

    def _wall_ns(self) -> int | None:
        """The time for judging dates; None while no source vouches for it."""
        return None if self._clock.vouched() is None else self._clock.stamp().wall_ns

    def touch(self, caller: Caller) -> None:
        """The caller has just acted."""
        session = self.book.session(caller.session)
        if session is not None and not caller.locked:
            seen = session.after_press(self._clock.now_ns(), self._wall_ns())
            self.book.set_in_memory(session_key(caller.session), seen)

    def activity_changes(self, caller: Caller) -> list[StateChange]:
        """What to store with the caller's next act: their activity, if that is news."""
        session = self.book.session(caller.session)
        if session is None or session.seen_ns - session.kept_ns < KEEP_EVERY_S * SECOND_NS:
            return []
        kept = _replace(session, kept_ns=session.seen_ns)
        self.book.set_in_memory(session_key(caller.session), kept)
        return [StateChange(ROOM, session_key(caller.session), msgspec.json.encode(kept))]


def _current(account: Account, session: Session) -> bool:
    return not account.disabled and account.generation == session.generation

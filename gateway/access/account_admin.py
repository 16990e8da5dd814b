"""Administration of accounts, for installers and the console."""

from typing import NoReturn

import msgspec

from gateway.access import codes
from gateway.access.access import Access
from gateway.access.accounts import (
    ACCOUNTS_MAX,
    INVITE_S,
    Account,
    Invite,
    Role,
    account_id,
    person_name,
)
from gateway.access.store import RowChange, account_key
from gateway.audit import Actor, ActOrigin
from gateway.clock import Clock
from gateway.errors import NotFound, UsageError

_replace = msgspec.structs.replace


class AccountAdmin:
    """Makes, changes, disables and enables accounts. Each act ends the account's old sessions."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._book = access.book
        self._clock = clock

    def all(self) -> list[Account]:
        """All accounts by id."""
        return self._book.accounts()

    async def add(self, who: Actor, place: ActOrigin, id_: str, name: str, role: Role) -> str:
        """Make an account; returns the code for setting its password, valid for a day."""
        account = Account(id=account_id(id_), name=person_name(name), role=role)
        ahead = self._book.pending_rows()
        if ahead.account(account.id) is not None:
            raise UsageError("access.taken", id=account.id)
        if len(ahead.accounts()) >= ACCOUNTS_MAX:
            raise UsageError("access.too-many", max=ACCOUNTS_MAX)
        return await self._invite(who, place, "keys/add", account)

    async def reset(self, who: Actor, place: ActOrigin, id_: str) -> str:
        """Delete the password; returns the code for setting another, valid for a day."""
        account = _replace(self._find(id_), password=None, disabled=False)
        return await self._invite(who, place, "keys/reset", account)

    async def disable(self, who: Actor, place: ActOrigin, id_: str) -> None:
        """Disable an account at once; UsageError for the last installer."""
        account = self._find(id_)
        self._keep_one(account)
        await self._change(who, place, "keys/disable", _replace(account, disabled=True))

    async def enable(self, who: Actor, place: ActOrigin, id_: str) -> None:
        """Enable it again, with its former password."""
        account = _replace(self._find(id_), disabled=False)
        await self._change(who, place, "keys/enable", account)

    async def give_role(self, who: Actor, place: ActOrigin, id_: str, role: Role) -> None:
        """Change the role; UsageError if no installer would be left."""
        account = self._find(id_)
        if role is not Role.INSTALLER:
            self._keep_one(account)
        await self._change(who, place, "keys/role", _replace(account, role=role))

    async def _invite(self, who: Actor, place: ActOrigin, what: str, account: Account) -> str:
        code = codes.new_code()
        until_ns = self._clock.now_ns() + INVITE_S * 1_000_000_000
        invite = Invite(codes.token_digest(code.replace("-", "")), self._clock.boot, until_ns)
        await self._change(who, place, what, _replace(account, invite=invite))
        return code

    async def _change(self, who: Actor, place: ActOrigin, what: str, account: Account) -> None:
        """Raise the generation: all sessions of the old one end."""
        account = _replace(account, generation=account.generation + 1)
        changes: list[RowChange] = [(account_key(account.id), account), *self._forget_pins(account)]
        changes += [
            (key, None)
            for key, session in self._book.pending_rows().sessions().items()
            if session.account == account.id
        ]
        await self._book.commit(who, what, *changes, on=account.id, place=place)

    def _forget_pins(self, account: Account) -> list[RowChange]:
        """No computer knows the account any more until its owner signs in there."""
        desks = self._book.pending_rows().computers()
        return [
            (key, desk.without(account.id)) for key, desk in desks.items() if desk.knows(account.id)
        ]

    def _find(self, id_: str) -> Account:
        account = self._book.pending_rows().account(id_.strip().lower())
        return account if account is not None else _unknown(id_)

    def _keep_one(self, account: Account) -> None:
        others = (
            other
            for other in self._book.pending_rows().accounts()
            if other.id != account.id and other.role is Role.INSTALLER and not other.disabled
        )
        if account.role is Role.INSTALLER and not any(other.password for other in others):
            raise UsageError("access.last-installer")


def _unknown(id_: str) -> NoReturn:
    raise NotFound("access.unknown", id=id_[:32])

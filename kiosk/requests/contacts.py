"""Personal fields: sealed in `private.db` at once; everything else holds a token and a mask."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from gateway.errors import JournalError, UsageError
from gateway.journal.personal_store import PersonalStore
from kiosk.requests.request import Attachments, Contact, VoiceNote

log = logging.getLogger(__name__)

DAY_S = 86_400


class ContactStore(Protocol):
    """A store of personal fields."""

    async def seal_contact(self, contact: Contact, days: int) -> str:
        """Seal a contact for that many days; its token, or "" if it cannot be stored."""

    async def recall_contact(self, token: str) -> Contact | None:
        """The sealed contact; None once it is erased or expired."""

    async def seal_voice(self, sound: bytes, days: int) -> str:
        """Seal a voice note likewise."""

    async def erase(self, token: str) -> None:
        """Erase it for good."""


class SealedContactStore:
    """In `private.db`; its commits run beside the loop."""

    def __init__(self, store: PersonalStore) -> None:
        """In that file."""
        self._store = store

    async def seal_contact(self, contact: Contact, days: int) -> str:
        """The token, or "" if the disk does not take it: the request goes on without."""
        fields = {key: value for key, value in msgspec.to_builtins(contact).items() if value}
        try:
            return await asyncio.to_thread(self._store.put, fields, days * DAY_S)
        except JournalError:
            return ""

    async def seal_voice(self, sound: bytes, days: int) -> str:
        """The token, or "" if it cannot be stored: the request says so."""
        try:
            return await asyncio.to_thread(self._store.put_sound, sound, days * DAY_S)
        except (JournalError, UsageError) as error:
            log.error("a voice could not be sealed: %s", error)  # noqa: TRY400  # said whole
            return ""

    async def recall_contact(self, token: str) -> Contact | None:
        """What was sealed; None once it is erased or expired, or cannot be read."""
        try:
            fields = await asyncio.to_thread(self._store.get, token)
        except JournalError:
            return None
        return None if fields is None else msgspec.convert(fields, Contact)

    async def erase(self, token: str) -> None:
        """Erase it; what cannot be erased now expires."""
        try:
            await asyncio.to_thread(self._store.erase, token)
        except JournalError:
            return


async def seal_attachments(
    people: ContactStore, contact: Contact | None, note: VoiceNote | None, days: int
) -> Attachments:
    """Seal what the person left, before anything is recorded of it."""
    person = voice = ""
    if contact is not None:
        person = await people.seal_contact(contact, days)
    if note is not None:
        voice = await people.seal_voice(note.small, days)
    seconds = 0 if note is None else max(1, round(note.seconds))
    return Attachments(person, "" if contact is None else mask_contact(contact), voice, seconds)


async def erase_attachments(people: ContactStore, given: Attachments) -> None:
    """Erase what was sealed for a press that came to nothing."""
    for token in filter(None, (given.person, given.voice)):
        await people.erase(token)


@contextlib.asynccontextmanager
async def erase_on_failure(people: ContactStore, given: Attachments) -> AsyncIterator[None]:
    """Erase the attachments if the request cannot be recorded."""
    try:
        yield
    except JournalError:
        await erase_attachments(people, given)
        raise


def mask_contact(contact: Contact) -> str:
    """The part of a contact that may be shown: `138****5678`, `****5678`."""
    if contact.phone is not None:
        return f"{contact.phone[:3]}****{contact.phone[-4:]}"
    if contact.last4 is not None:
        return f"****{contact.last4}"
    return "" if contact.card is None else f"****{contact.card[-2:]}"


def mask_ending(mask: str) -> str:
    """The digits at the end of a mask, as people say them: 尾号 5678."""
    return mask[-4:].strip("*")

"""The station's exceptions. The field's own tree is in `drivers/contract.py`.

    StationError                    code + data; people read the text of the code
    ├── UsageError                  the caller's mistake: wrong argument, wrong order
    │   ├── NotFound                nothing here has that id
    │   └── StateConflict           not possible in the present state
    ├── SettingsError               `station.toml` is wrong: all mistakes at once
    ├── JournalError
    │   ├── JournalLocked           another process holds the journal
    │   ├── JournalFull             no room, not even after eviction
    │   ├── JournalDamaged          the file is not what we wrote
    │   ├── JournalFailed           the disk gave an I/O error: end the process
    │   └── OutcomeUnknown          the caller stopped waiting before the commit was known
    ├── UpstreamError
    │   ├── PlatformUnreachable     no answer from the platform (`retry_after_s` may say when)
    │   ├── DeliveryRejected        the platform answered no (`status`)
    │   └── BadReceipt              the platform's answer is not a receipt
    ├── CommandRefused              an order or command that may not be carried out
    ├── AccessDenied                not allowed, or not yet (`retry_after_s` may say when)
    ├── Unavailable                 nothing here can do that (yet)
    └── ProgramFailed               a program (ffmpeg, espeak-ng) is missing, too slow, or failed

An error carries a `code` (a key in `gateway/texts`) and `data`; texts are not written here.
"""

from typing import Any


class StationError(Exception):
    """Base of the tree: a text code and the data for its text."""

    def __init__(self, code: str, /, **data: Any) -> None:
        """Keep the code and the data; `str()` shows both for logs."""
        self.code = code
        self.data = data
        super().__init__(code, data)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{k}={v!r}" for k, v in self.data.items())])


class UsageError(StationError):
    """The caller's mistake."""


class NotFound(UsageError):
    """Nothing here has the id in an address or a body."""


class StateConflict(UsageError):
    """Not possible in the present state; it may be later."""


class SettingsError(StationError):
    """The settings cannot be used; `data["mistakes"]` lists every reason."""


class JournalError(StationError):
    """Base of the journal's errors."""


class JournalLocked(JournalError):
    """Another process holds the journal."""


class JournalFull(JournalError):
    """No room for this entry, even after eviction."""


class JournalDamaged(JournalError):
    """The file is not what we wrote."""


class JournalFailed(JournalError):
    """The disk gave an I/O error; a retried fsync proves nothing, so the process must end."""


class OutcomeUnknown(JournalError):
    """The caller stopped waiting before the commit was known."""


class UpstreamError(StationError):
    """Base of the uplinks' errors."""


class PlatformUnreachable(UpstreamError):
    """No answer from the platform."""


class DeliveryRejected(UpstreamError):
    """The platform answered no."""


class BadReceipt(UpstreamError):
    """The platform's answer is not a receipt."""


class CommandRefused(StationError):
    """A command that may not be carried out."""


class AccessDenied(StationError):
    """The caller may not do that, or not yet."""


class Unavailable(StationError):
    """Nothing here can do that (yet)."""


class ProgramFailed(StationError):
    """A program that we started is missing, exceeded its limits, or failed."""

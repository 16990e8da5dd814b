"""The settings' history on disk: who changed them, why, what came of it, and the last texts.

    settings/history.json      one record a change, the last 50
    settings/<digest>.toml     the texts of the last 10 changes, and of the last 10 in force
    settings/trial.json        a change under way: there while nobody has vouched for it
    settings/lock              held by the one process that may change them

Every step is one file put in place whole, so that a power cut falls between steps: whatever is
found then, `recover` makes a working station of it.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import SettingsError
from gateway.reconfigure.records import (
    INTERRUPTED,
    ChangeRecord,
    ChangeTime,
    ChangeTrial,
    digest_of,
)
from gateway.toml import Phrase, replace_file

RECORDS_MAX = 50
TEXTS_MAX = 10
MODE = 0o640

# The actor of a file edited by hand: somebody with access to the machine.
BY_HAND = "system:console"


class SettingsHistory:
    """The files of the history. Every method is a few atomic steps."""

    def __init__(self, file: Path, folder: Path) -> None:
        """`file` is `station.toml`, `folder` the state's `settings/`."""
        self.file = file
        self._folder = folder
        self._history = folder / "history.json"
        self._trial = folder / "trial.json"
        self._lock = -1

    def hold(self) -> bool:
        """Lock the settings for this process; False if another one holds them."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock  # until `release`, or the process ends
        return True

    def release(self) -> None:
        """Unlock the settings."""
        os.close(self._lock)

    def text(self) -> bytes:
        """The present settings; SettingsError if they cannot be read."""
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise SettingsError("appliance.unreadable", path=str(self.file)) from error

    def readable_text(self) -> bytes | None:
        """The present settings; None if they cannot be read and may be replaced."""
        try:
            return self.text()
        except SettingsError:
            return None

    def records(self) -> list[ChangeRecord]:
        """The history, oldest first."""
        return list(_read(self._history, list[ChangeRecord]) or ())

    def damaged(self) -> list[str]:
        """Files of the history that cannot be read; the folder's name if that is all of it."""
        if self._folder.exists() and not self._folder.is_dir():
            return [self._folder.name]
        shapes = ((self._history, list[ChangeRecord]), (self._trial, ChangeTrial))
        found = [path for path, shape in shapes if path.exists() and _read(path, shape) is None]
        return [path.name for path in found]

    def text_named(self, digest: str) -> bytes | None:
        """The text of that digest, while it is kept."""
        try:
            return (self._folder / f"{digest}.toml").read_bytes()
        except OSError:
            return None

    def next_number(self) -> int:
        """The number of the next change."""
        return max((record.number for record in self.records()), default=0) + 1

    def trial(self) -> ChangeTrial | None:
        """The change under way, if any."""
        found: ChangeTrial | None = _read(self._trial, ChangeTrial)
        return found

    def begin(self, trial: ChangeTrial, text: bytes, former: bytes) -> None:
        """Save both texts, then the trial, then replace the file."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keep(former)
        self._keep(text)
        self._mark(trial)
        self._put(text)

    def roll_back(self, trial: ChangeTrial) -> None:
        """Restore the former file; `end` then closes the trial."""
        former = self.text_named(trial.former)
        if former is None:  # somebody has emptied the state's folder
            raise SettingsError("appliance.no-text", number=trial.number - 1)
        self._put(former)

    def abandon(self, trial: ChangeTrial) -> None:
        """Drop a trial that could not begin; the file is unchanged."""
        if digest_of(self.text()) == trial.digest:
            self.roll_back(trial)
        self._trial.unlink(missing_ok=True)

    def end(self, record: ChangeRecord) -> ChangeRecord:
        """Record the result and close the trial."""
        self._add(record)
        self._trial.unlink(missing_ok=True)
        return record

    def record_manual_edit(self, text: bytes, when: ChangeTime) -> ChangeRecord | None:
        """At a start: record an edit by hand if the text is not the last one in force."""
        digest = digest_of(text)
        known = [record.digest for record in self.records() if record.in_force]
        if known and known[-1] == digest:
            return None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keep(text)
        record = ChangeRecord(
            number=self.next_number(),
            digest=digest,
            state="found",
            who=BY_HAND,
            at=when.at,
            trust=when.trust,
        )
        self._add(record)
        return record

    def recover(self, when: ChangeTime) -> ChangeTrial | None:
        """After a start: the trial to resume, once, if it asked for this start.

        Any other trial was interrupted before it was confirmed: the former settings are restored,
        unless a third text is in place by now.
        """
        trial = self.trial()
        if trial is None:
            return None
        if self._is_over(trial):
            self._trial.unlink()
            return None
        in_place = digest_of(self.text()) == trial.digest
        if in_place and trial.resumes:
            begun = trial.as_started()
            self._mark(begun)
            return begun
        if in_place:
            self.roll_back(trial)
        self.end(trial.record("rolled-back", when, (Phrase(INTERRUPTED),)))
        return None

    def pending_trial(self) -> ChangeTrial | None:
        """The trial whose text is in the file and that `recover` has yet to handle; only read."""
        trial = self.trial()
        if trial is None or self._is_over(trial) or digest_of(self.text()) != trial.digest:
            return None
        return trial

    def _is_over(self, trial: ChangeTrial) -> bool:
        return any(record.number == trial.number for record in self.records())

    def _mark(self, trial: ChangeTrial) -> None:
        replace_file(self._trial, msgspec.json.encode(trial), mode=0o600)

    def _keep(self, text: bytes) -> None:
        replace_file(self._folder / f"{digest_of(text)}.toml", text, mode=0o600)

    def _add(self, record: ChangeRecord) -> None:
        """Add a record, and remove texts that are too old."""
        records = [*self.records(), record][-RECORDS_MAX:]
        replace_file(self._history, msgspec.json.encode(records), mode=0o600)
        kept = {each.digest for each in records[-TEXTS_MAX:]}
        kept |= {each.digest for each in [r for r in records if r.in_force][-TEXTS_MAX:]}
        for path in self._folder.glob("*.toml"):
            if path.stem not in kept:
                path.unlink()

    def _put(self, text: bytes) -> None:
        try:
            mode = self.file.stat().st_mode & 0o777 if self.file.exists() else MODE
            replace_file(self.file, text, mode=mode)
        except OSError as error:
            why = error.strerror
            raise SettingsError("appliance.read-only", path=str(self.file), why=why) from error


def text_before(records: list[ChangeRecord], digest: str) -> ChangeRecord | None:
    """The last change in force with another text: the target of an undo."""
    return next((r for r in reversed(records) if r.in_force and r.digest != digest), None)


def _read(path: Path, shape: Any) -> Any:
    """The contents of that file; None if it is missing or unreadable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except (OSError, ValueError, RecursionError):
        return None

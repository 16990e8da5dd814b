"""The settings at a start: finishes or undoes a change that a power cut interrupted."""

import logging
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.disk import run_in_time
from gateway.errors import StationError
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.lifecycle import failure_phrase
from gateway.reconfigure.records import ChangeRecord, ChangeTime, ChangeTrial

FOLDER = "settings"

_log = logging.getLogger(__name__)


class SettingsStartup(NamedTuple):
    """The history, and the change that asked for this start, if any.

    `text` is what to run on if the file could not be restored in time.
    """

    shelf: SettingsHistory
    trial: ChangeTrial | None
    text: bytes | None = None

    @classmethod
    def recover(cls, file: Path, state: Path, clock: Clock) -> "SettingsStartup":
        """Before the settings are read: make sure that they are the old or the new ones."""
        shelf = SettingsHistory(file, state / FOLDER)
        when, found = ChangeTime.from_stamps(clock.stamp()), [cls(shelf, None)]

        def recovered() -> ChangeTrial | None:
            if not shelf.hold():
                return None
            found.append(_found(shelf))
            return shelf.recover(when)

        try:
            return cls(shelf, run_in_time(recovered))
        except TimeoutError as error:  # what was begun goes on, and will be as it was found
            _log.error("the settings' history is not written yet: %s", error)
            return found[-1]
        except (OSError, StationError) as error:
            # A dead disk, or no file at all: the station starts as far as it can all the same.
            _log.error("the settings' history cannot be used: %s", error)
            return cls(shelf, None)

    def revert(self, error: Exception, clock: Clock) -> bool:
        """After a failed start that a change asked for: restore the former settings; else False."""
        if self.trial is None:
            return False
        record = self.trial.record(
            "rolled-back", ChangeTime.from_stamps(clock.stamp()), (failure_phrase(error),)
        )
        _log.error("settings %d do not start: %s", self.trial.number, error)
        try:
            return run_in_time(partial(_put_back, self.shelf, self.trial, record))
        except (OSError, StationError) as refused:
            # The trial stays on disk, so the next start does what the disk refuses now.
            _log.error("the former settings cannot be put back: %s", refused)
            return True


def _found(shelf: SettingsHistory) -> SettingsStartup:
    """What `recover` will do, before a write that may take long."""
    trial = shelf.pending_trial()
    if trial is None:
        return SettingsStartup(shelf, None)
    if trial.resumes:
        return SettingsStartup(shelf, trial.as_started())
    return SettingsStartup(shelf, None, shelf.text_named(trial.former))


def _put_back(shelf: SettingsHistory, trial: ChangeTrial, record: ChangeRecord) -> bool:
    """False if the trial is over already."""
    if shelf.trial() is None:
        return False
    shelf.roll_back(trial)
    shelf.end(record)
    return True

"""The settings at a start: what a power cut in the midst of a change has left is put right."""

import logging
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gateway.appliance.settings.cycle import trouble
from gateway.appliance.settings.records import Trial, When
from gateway.appliance.settings.shelf import Shelf
from gateway.clock import Clock
from gateway.disk import in_time
from gateway.errors import StationError

FOLDER = "settings"

_log = logging.getLogger(__name__)


class Start(NamedTuple):
    """The shelf, and the change that asked for this start, if one did."""

    shelf: Shelf
    trial: Trial | None

    @classmethod
    def of(cls, file: Path, state: Path, clock: Clock) -> "Start":
        """Before the settings are read: make sure that they are the old or the new ones."""
        shelf = Shelf(file, state / FOLDER)
        try:
            return cls(shelf, in_time(partial(_recovered, shelf, When.of(clock.stamp()))))
        except (OSError, StationError) as error:
            # A dead disk, or no file at all: the station starts as far as it can all the same.
            _log.error("the settings' history cannot be used: %s", error)
            return cls(shelf, None)

    def failed(self, error: Exception, clock: Clock) -> bool:
        """The start has failed: the former settings, if a change asked for it; else False."""
        if self.trial is None or self.shelf.trial() is None:
            return False
        _log.error("settings %d do not start: %s", self.trial.number, error)
        self.shelf.roll_back(self.trial)
        when = When.of(clock.stamp())
        self.shelf.end(self.trial.ended("rolled-back", when, (trouble(error),)))
        return True


def _recovered(shelf: Shelf, when: When) -> Trial | None:
    return shelf.recover(when) if shelf.hold() else None

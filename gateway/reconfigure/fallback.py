"""The settings that a station starts on, whatever has become of its file.

    the file ─► as it is
             ─► the last settings that were accepted, if it is another text and wrong
             ─► without what cannot be built, if it was accepted before, or nothing else is left

What an earlier release has accepted never ends a start. Only where there is neither a file nor a
text on the shelf that names the station does a start end.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.config.load import examine_text, salvage
from gateway.config.schema import Settings
from gateway.errors import SettingsError, StationError
from gateway.faults import OnCount
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.records import digest_of
from gateway.texts import Texts
from gateway.toml import Mistake, read, settings_error

_log = logging.getLogger(__name__)

TOLD_MAX = 16
FALLBACK, LEFT_OUT = "settings.fallback", "settings.left-out"
HISTORY = "settings.history"


class SettingsInForce(NamedTuple):
    """The settings that the station runs on, and their text."""

    settings: Settings
    text: bytes


def settings_in_force(
    shelf: SettingsHistory, count: OnCount, *, trial: bool = False, text: bytes | None = None
) -> SettingsInForce:
    """The settings to start with; `count` hears where they are not what the file says.

    `text` is what the file is about to say, if that is another by then.
    SettingsError lists what is wrong with the file, if nothing else is left, or if it is on
    `trial`: then it goes back whole.
    """
    for name in shelf.damaged():
        count(HISTORY, name)
    text, mistakes = _file(shelf) if text is None else (text, ())
    former = list(_accepted(shelf))
    if text is not None:
        settings, mistakes = examine_text(text, shelf.file)
        if settings is not None:
            return SettingsInForce(settings, text)
        if trial:
            raise settings_error(mistakes)
        if former and text == former[0]:  # of an earlier release: it has run before
            former = []
    for accepted in former:
        settings, _ = examine_text(accepted, shelf.file)
        if settings is not None:
            _log.error("%s is not used: the last accepted settings are in force", shelf.file)
            count(FALLBACK, mistakes[0].code if mistakes else "settings.unreadable")
            return SettingsInForce(settings, accepted)
    for rest in (*(() if text is None else (text,)), *_accepted(shelf)):
        found = _salvaged(rest, shelf, count)
        if found is not None:
            return found
    raise settings_error(mistakes)


def _file(shelf: SettingsHistory) -> tuple[bytes | None, Sequence[Mistake]]:
    """The text of the file, or why it cannot be read."""
    try:
        return shelf.text(), ()
    except SettingsError:
        pass
    try:
        read(shelf.file)
    except SettingsError as error:
        return None, error.data["mistakes"]
    return None, ()


def _accepted(shelf: SettingsHistory) -> Iterator[bytes]:
    """The texts that the station has run on, the last one first."""
    for record in reversed(shelf.records()):
        text = shelf.text_named(record.digest) if record.in_force else None
        if text is not None and digest_of(text) == record.digest:
            yield text


def _salvaged(text: bytes, shelf: SettingsHistory, count: OnCount) -> SettingsInForce | None:
    try:
        settings, mistakes = salvage(text, shelf.file)
    except StationError:
        return None
    if settings is None:
        return None
    from gateway.config.mistake_text import mistakes_text  # noqa: PLC0415  # seldom needed

    _log.error(
        "starting without what is wrong:\n%s", mistakes_text(mistakes, Texts.from_environment())
    )
    for mistake in mistakes[:TOLD_MAX]:
        count(LEFT_OUT, f"{mistake.path} {mistake.code}")
    return SettingsInForce(settings, text)

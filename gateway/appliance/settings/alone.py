"""A change of the settings while no station runs: checked, and vouched for by whoever asks."""

from gateway.appliance.load import examine_text
from gateway.appliance.settings.cycle import Preview, Touched
from gateway.appliance.settings.differences import differences
from gateway.appliance.settings.records import UNKNOWN, Outcome, Trial, digest_of
from gateway.appliance.settings.shelf import BY_HAND, Shelf, before
from gateway.appliance.settings.veil import unveiled
from gateway.errors import Unavailable, UsageError
from gateway.settings import wrong


def preview(shelf: Shelf, text: bytes) -> Preview:
    """What that text would change; nothing runs, so nothing is restarted."""
    present = shelf.text()
    return Preview(Touched(cold=False), differences(present, _checked(shelf, text, present)))


def apply(shelf: Shelf, text: bytes, why: str) -> Outcome:
    """Put it in place; the station tries it when it starts, as any file that it finds."""
    if not shelf.hold():
        raise Unavailable("appliance.busy")
    try:
        return _applied(shelf, text, why)
    finally:
        shelf.release()


def undo(shelf: Shelf, why: str, number: int | None = None) -> Outcome:
    """Put the text of that change in place, or what was before the last one."""
    records = shelf.records()
    if number is None:
        record = before(records, digest_of(shelf.text()))
    else:
        record = next((each for each in records if each.number == number), None)
    text = None if record is None else shelf.text_named(record.digest)
    if text is None:
        if number is None:
            raise UsageError("appliance.nothing-before")
        raise UsageError("appliance.no-text", number=number)
    return apply(shelf, text, why)


def _applied(shelf: Shelf, text: bytes, why: str) -> Outcome:
    shelf.recover(UNKNOWN)
    present = shelf.text()
    shelf.note_found(present, UNKNOWN)
    text = _checked(shelf, text, present)
    number, digest = shelf.next_number(), digest_of(text)
    if text == present:
        return Outcome("unchanged", number - 1, digest)
    trial = Trial(number=number, digest=digest, former=digest_of(present), who=BY_HAND, why=why)
    shelf.begin(trial, text, present)
    return Outcome.from_record(shelf.end(trial.record("kept", UNKNOWN)))


def _checked(shelf: Shelf, text: bytes, present: bytes) -> bytes:
    whole = unveiled(text, present, str(shelf.file))
    settings, mistakes = examine_text(whole, shelf.file)
    if settings is None:
        raise wrong(mistakes)
    return whole

"""Changes of the settings while no station runs."""

from gateway.config.load import examine_text
from gateway.errors import Unavailable, UsageError
from gateway.reconfigure.differences import differences
from gateway.reconfigure.history import BY_HAND, SettingsHistory, text_before
from gateway.reconfigure.lifecycle import ChangePreview, RestartScope
from gateway.reconfigure.records import UNKNOWN, ChangeOutcome, ChangeTrial, digest_of
from gateway.reconfigure.redaction import restore_secrets
from gateway.toml import settings_error


def preview_change(shelf: SettingsHistory, text: bytes) -> ChangePreview:
    """What that text would change; nothing runs, so nothing is restarted."""
    present = shelf.text()
    return ChangePreview(
        RestartScope(cold=False), differences(present, _checked(shelf, text, present))
    )


def apply_change(shelf: SettingsHistory, text: bytes, why: str) -> ChangeOutcome:
    """Write the text; the station tries it at its next start."""
    if not shelf.hold():
        raise Unavailable("appliance.busy")
    try:
        return _applied(shelf, text, why)
    finally:
        shelf.release()


def undo_change(shelf: SettingsHistory, why: str, number: int | None = None) -> ChangeOutcome:
    """Restore the text of that change, or the one before the last."""
    records = shelf.records()
    if number is None:
        record = text_before(records, digest_of(shelf.text()))
    else:
        record = next((each for each in records if each.number == number), None)
    text = None if record is None else shelf.text_named(record.digest)
    if text is None:
        if number is None:
            raise UsageError("appliance.nothing-before")
        raise UsageError("appliance.no-text", number=number)
    return apply_change(shelf, text, why)


def _applied(shelf: SettingsHistory, text: bytes, why: str) -> ChangeOutcome:
    shelf.recover(UNKNOWN)
    present = shelf.text()
    shelf.record_manual_edit(present, UNKNOWN)
    text = _checked(shelf, text, present)
    number, digest = shelf.next_number(), digest_of(text)
    if text == present:
        return ChangeOutcome("unchanged", number - 1, digest)
    trial = ChangeTrial(
        number=number, digest=digest, former=digest_of(present), who=BY_HAND, why=why
    )
    shelf.begin(trial, text, present)
    return ChangeOutcome.from_record(shelf.end(trial.record("kept", UNKNOWN)))


def _checked(shelf: SettingsHistory, text: bytes, present: bytes) -> bytes:
    whole = restore_secrets(text, present, str(shelf.file))
    settings, mistakes = examine_text(whole, shelf.file)
    if settings is None:
        raise settings_error(mistakes)
    return whole

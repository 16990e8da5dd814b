"""The answers to a requested change, for the API and the command line."""

from collections.abc import Sequence

import msgspec

from gateway.errors import SettingsError
from gateway.reconfigure.lifecycle import ChangePreview
from gateway.reconfigure.records import ChangeOutcome
from gateway.texts import Texts
from gateway.toml import Mistake


class MistakeReport(msgspec.Struct, frozen=True):
    """One mistake in the reader's language."""

    file: str
    line: int
    path: str
    code: str
    message: str
    remedy: str | None

    @classmethod
    def from_mistake(cls, mistake: Mistake, texts: Texts) -> "MistakeReport":
        code, data = mistake.code, mistake.data
        message, remedy = texts.say(code, **data), texts.remedy(code, **data)
        return cls(mistake.file, mistake.line, mistake.path, code, message, remedy)


class ChangeResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome, or the preview, or all mistakes."""

    outcome: ChangeOutcome | None = None
    preview: ChangePreview | None = None
    mistakes: tuple[MistakeReport, ...] = ()


def mistakes_response(error: SettingsError, texts: Texts) -> ChangeResponse | None:
    """The answer with the mistakes; None if the error is another one."""
    mistakes: Sequence[Mistake] = error.data.get("mistakes", ())
    return (
        ChangeResponse(mistakes=tuple(MistakeReport.from_mistake(each, texts) for each in mistakes))
        if mistakes
        else None
    )

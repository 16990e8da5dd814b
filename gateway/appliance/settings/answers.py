"""What whoever asks for a change is told, by the API and at the command line alike."""

from collections.abc import Sequence

import msgspec

from gateway.appliance.settings.cycle import Preview
from gateway.appliance.settings.records import Outcome
from gateway.errors import SettingsError
from gateway.settings import Mistake
from gateway.texts import Texts


class Told(msgspec.Struct, frozen=True):
    """One mistake in the reader's language."""

    file: str
    line: int
    path: str
    code: str
    message: str
    remedy: str | None

    @classmethod
    def from_mistake(cls, mistake: Mistake, texts: Texts) -> "Told":
        """In that language."""
        code, data = mistake.code, mistake.data
        message, remedy = texts.say(code, **data), texts.remedy(code, **data)
        return cls(mistake.file, mistake.line, mistake.path, code, message, remedy)


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of it, or would come of it, or every mistake in it."""

    outcome: Outcome | None = None
    preview: Preview | None = None
    mistakes: tuple[Told, ...] = ()


def refusal(error: SettingsError, texts: Texts) -> Answer | None:
    """The answer that lists the mistakes; None where the error is about something else."""
    mistakes: Sequence[Mistake] = error.data.get("mistakes", ())
    return (
        Answer(mistakes=tuple(Told.from_mistake(each, texts) for each in mistakes))
        if mistakes
        else None
    )

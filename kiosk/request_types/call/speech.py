"""What the sentences of a call depend on beside its state: whether the person is being asked."""

from kiosk.requests.request import Request
from kiosk.speech.sentences import TypeSpeech

# Said in place of `answered`: the person is asked whether somebody has come.
COME = "come"


class CallSpeech(TypeSpeech):
    """Of an answered call, after a while."""

    def entry(self, request: Request) -> str:
        """The question, while it stands."""
        return COME if request.asked else request.state


SPEECH = CallSpeech()

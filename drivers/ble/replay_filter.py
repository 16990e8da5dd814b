"""What one sensor said last: tells news from repeats, and a replayed message from a true one. Pure.

A sensor sends each message several times, because adverts get lost. Repeats are told by the
message's own number; where it has none, the same bytes within four seconds are the same message
(as bthome-ble has it).
"""

import collections
import enum

import msgspec

from drivers.ble.codec import DecodedMessage

REPEAT_S = 4.0
# A sealed message may be repeated so long; later it is somebody's recording.
_SEALED_REPEAT_S = 60.0
# A beacon has three frames, a sensor a few kinds of message.
_MESSAGES_MAX = 8
# A counter that starts again (a new battery) starts here.
_RESTARTED_BELOW = 100


class Novelty(enum.Enum):
    """What a message is worth."""

    NEW = "new"
    REPEAT = "repeat"
    REPLAY = "replay"


class _KnownMessage(msgspec.Struct):
    """One message that was understood, when it was first heard, and when last."""

    heard: DecodedMessage
    first_s: float
    last_s: float


class ReplayFilter:
    """The last few messages of one sensor, and the highest counter of each format."""

    def __init__(self) -> None:
        self._told: collections.OrderedDict[bytes, _KnownMessage] = collections.OrderedDict()
        self._highest: dict[str, int] = {}

    def judge_repeat(self, message: bytes, now_s: float) -> Novelty | None:
        """What the very same bytes are worth; None: never heard, or news again."""
        told = self._told.get(message)
        if told is None:
            return None
        quiet_s, told.last_s = now_s - told.last_s, now_s
        if told.heard.counter is not None:
            return Novelty.REPEAT if now_s - told.first_s <= _SEALED_REPEAT_S else Novelty.REPLAY
        numbered = told.heard.packet is not None
        since_s = quiet_s if numbered else now_s - told.first_s
        if since_s <= REPEAT_S:
            return Novelty.REPEAT
        del self._told[message]
        return None

    def judge_message(
        self, message: bytes, heard: DecodedMessage, now_s: float, *, missed: bool
    ) -> Novelty:
        """What a message that was understood is worth.

        After the sensor was `missed`, any counter is believed: it may have a new battery.
        """
        highest = self._highest.get(heard.format, -1)
        if heard.counter is not None:
            restarted = missed or heard.counter < _RESTARTED_BELOW <= highest
            if heard.counter <= highest and not restarted:
                return Novelty.REPLAY
            self._highest[heard.format] = heard.counter
        news = Novelty.REPEAT if self._renumbered(heard, now_s) else Novelty.NEW
        self._keep(message, _KnownMessage(heard, now_s, now_s))
        return news

    def _renumbered(self, heard: DecodedMessage, now_s: float) -> bool:
        """The same packet sealed once more, under another counter."""
        return heard.packet is not None and any(
            told.heard.packet == heard.packet
            and told.heard.measures == heard.measures
            and now_s - told.last_s <= REPEAT_S
            for told in self._told.values()
        )

    def _keep(self, message: bytes, told: _KnownMessage) -> None:
        self._told[message] = told
        self._told.move_to_end(message)
        if len(self._told) > _MESSAGES_MAX:
            self._told.popitem(last=False)

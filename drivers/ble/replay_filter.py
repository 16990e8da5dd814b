"""One sensor's last messages: tells new ones from repeats, and replayed ones from true ones. Pure.

A sensor sends each message several times, because adverts get lost. Repeats are recognised by the
message's own number; without one, the same bytes within four seconds are the same message (as in
bthome-ble).
"""

import collections
import enum

import msgspec

from drivers.ble.codec import DecodedMessage

REPEAT_S = 4.0
# For how long an encrypted message may be repeated; later it is a replay.
_SEALED_REPEAT_S = 60.0
# A beacon has three frames, a sensor a few kinds of message.
_MESSAGES_MAX = 8
# A counter that restarts (a new battery) restarts below this.
_RESTARTED_BELOW = 100


class Novelty(enum.Enum):
    NEW = "new"
    REPEAT = "repeat"
    REPLAY = "replay"


class _KnownMessage(msgspec.Struct):
    """A decoded message, when it was first received, and when last."""

    heard: DecodedMessage
    first_s: float
    last_s: float


class ReplayFilter:
    """The last few messages of one sensor, and the highest counter of each format."""

    def __init__(self) -> None:
        self._told: collections.OrderedDict[bytes, _KnownMessage] = collections.OrderedDict()
        self._highest: dict[str, int] = {}

    def judge_repeat(self, message: bytes, now_s: float) -> Novelty | None:
        """Judge bytes that were received before; None if they are new, or count as new again."""
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
        """Judge a decoded message.

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
        """The same packet, encrypted once more under another counter."""
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

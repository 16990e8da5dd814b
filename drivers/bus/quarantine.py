"""Protection from late replies: after a time-out a device rests while its reply may still come.

Nothing in a serial reply says which request it answers. So after a time-out the device is not
asked for one late window; a late reply that is heard meanwhile ends the wait. If none is heard,
it may come later still. As long as it may, nothing is asked whose answer would look the same but
the same request; and once that is answered (perhaps by the old reply) the device rests for as long
as that reply may have been under way, so that a second one cannot be taken for another's.
"""

import msgspec

from drivers.family import Transaction

WINDOW_MIN_S = 1.0
_REST_MAX_S = 60.0
_DOUBT_WINDOWS = 30
"""Windows after which a reply that never came is taken for lost."""


def window_s(timeout_s: float) -> float:
    """The late window of a device that has this long to answer."""
    return max(timeout_s, WINDOW_MIN_S)


class _Unanswered(msgspec.Struct):
    transaction: Transaction
    sent_s: float
    doubt_until_s: float
    heard: bytes = b""


class Quarantine:
    """One device's late window. Instants are the loop's, in seconds."""

    def __init__(self, window: float) -> None:
        self.until_s = 0.0
        self._window_s = window
        self._open: _Unanswered | None = None

    def timed_out(self, transaction: Transaction, sent_s: float, now_s: float) -> None:
        """No reply to what was sent then: rest."""
        self.until_s = now_s + self._window_s
        first = self._open
        if first is None or first.transaction.request != transaction.request:
            doubt_until_s = now_s + _DOUBT_WINDOWS * self._window_s
            self._open = _Unanswered(transaction, sent_s, doubt_until_s)
        else:
            first.heard = b""

    def heard(self, data: bytes, now_s: float) -> float | None:
        """Bytes that came while resting; how late the reply was, if they complete it."""
        unanswered = self._open
        if unanswered is None or unanswered.transaction.expect is None or now_s > self.until_s:
            return None
        expect = unanswered.transaction.expect
        unanswered.heard = (unanswered.heard + data)[-expect.limit :]
        if expect.find(unanswered.heard, final=False) is None:
            return None
        self._open = None
        self.until_s = now_s
        return now_s - unanswered.sent_s

    def answered(self, transaction: Transaction, now_s: float, *, ambiguous: bool) -> None:
        """A reply came; if an older request may still be answered, rest that long."""
        unanswered = self._open
        if unanswered is None or unanswered.transaction.request != transaction.request:
            return
        self._open = None
        if ambiguous:
            self.until_s = now_s + min(now_s - unanswered.sent_s, _REST_MAX_S)

    def admits(self, transaction: Transaction, now_s: float) -> bool:
        """True if this reply could not be mistaken for one that is still under way."""
        unanswered = self._open
        if unanswered is None or now_s >= unanswered.doubt_until_s:
            return True
        same_request = transaction.request == unanswered.transaction.request
        return same_request or transaction.expect != unanswered.transaction.expect

    @property
    def doubt_until_s(self) -> float:
        """When an unanswered request is no longer waited for."""
        return 0.0 if self._open is None else self._open.doubt_until_s

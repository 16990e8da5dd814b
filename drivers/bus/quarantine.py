"""Protection from late replies: after a time-out a device rests while its reply may still come.

Nothing in a serial reply says which request it answers. So after a time-out the device is not
asked for one late window. But a reply may be later still; so every request that had no reply is
kept as *owed*, and as long as one is, nothing is asked whose answer would look the same, except
the same request again. Replies are taken to come in order: one that comes, wanted or overheard,
pays for the oldest that is owed, and shows how late the others may be.
"""

import msgspec

from drivers.family import Expect, Transaction

WINDOW_MIN_S = 1.0
_OWED_MAX_S = 30.0
"""After this, a reply of which nothing is known is taken for lost."""

_OWED_MAX = 16
_UNSTEADY = 1.5
"""A device that was late once may be half as late again the next time."""


def window_s(timeout_s: float) -> float:
    """The late window of a device that has this long to answer."""
    return max(timeout_s, WINDOW_MIN_S)


class _Owed(msgspec.Struct):
    transaction: Transaction
    sent_s: float
    until_s: float


class Quarantine:
    """One device's late window and debts. Instants are the loop's, in seconds."""

    def __init__(self, window: float) -> None:
        self.until_s = 0.0
        self._window_s = window
        self._owed: list[_Owed] = []
        self._heard = b""

    @property
    def owes(self) -> bool:
        """Whether a reply may still come that nobody waits for."""
        return bool(self._owed)

    def timed_out(self, transaction: Transaction, sent_s: float, now_s: float) -> None:
        """No reply to what was sent then: rest."""
        self.until_s = now_s + self._window_s
        self._owe(transaction, sent_s)
        self._heard = b""

    def heard(self, data: bytes, now_s: float, asked: Expect | None) -> float | None:
        """Bytes that nobody wanted; how late the reply was, if they complete one that is owed.

        `asked` is what the device is being asked now: its answer is no business of ours.
        """
        self._forget(now_s)
        if not self._owed:
            return None
        self._heard += data
        for owed in self._owed:
            expect = owed.transaction.expect
            if expect is None or expect == asked:
                continue
            if expect.find(self._heard, final=False) is not None:
                return self._pay(expect, now_s)
            self._heard = self._heard[-expect.limit :]
        return None

    def answered(self, transaction: Transaction, sent_s: float, now_s: float) -> None:
        """A reply came to what was sent then, unless it was to an older request that looks alike.

        In that case it is this one's reply that is owed from now on.
        """
        self._forget(now_s)
        if any(owed.transaction.expect == transaction.expect for owed in self._owed):
            self._owe(transaction, sent_s)
            assert transaction.expect is not None
            self._pay(transaction.expect, now_s)

    def free_at_s(self, transaction: Transaction, now_s: float) -> float:
        """When this may be asked: now if its reply could not be mistaken for one that is owed."""
        if not self._owed:  # nearly always
            return self.until_s
        mistakable = (
            owed.until_s
            for owed in self._owed
            if owed.transaction.expect == transaction.expect
            and owed.transaction.request != transaction.request
            and owed.until_s > now_s
        )
        return max([self.until_s, *mistakable])

    def _owe(self, transaction: Transaction, sent_s: float) -> None:
        self._owed.append(_Owed(transaction, sent_s, sent_s + _OWED_MAX_S))
        del self._owed[:-_OWED_MAX]

    def _pay(self, expect: Expect, now_s: float) -> float:
        """The oldest debt of this look is paid; how late, which is how late the others may be."""
        self._heard = b""
        alike = [owed for owed in self._owed if owed.transaction.expect == expect]
        late_s = now_s - alike[0].sent_s
        self._owed.remove(alike[0])
        for owed in alike[1:]:
            owed.until_s = owed.sent_s + _UNSTEADY * late_s + self._window_s
        if not self._owed:
            self.until_s = min(self.until_s, now_s)
        return late_s

    def _forget(self, now_s: float) -> None:
        if self._owed:
            self._owed = [owed for owed in self._owed if owed.until_s > now_s]

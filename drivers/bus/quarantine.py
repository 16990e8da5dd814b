"""Protection against unexpected replies: late ones, repeated ones, and those of a twin.

Nothing in a serial reply says which request it answers. So after every transaction without its own
complete reply the line counts as dirty for the device: it rests until a late window has passed in
which nothing of it was received. A reply may be even later; so every such request is remembered as
*owed*, and while one is,

- nothing is sent whose reply would look the same, except the same request again;
- no refusal of another request to the same unit and function is believed, because a refusal
  contains nothing else.

Replies usually come in order: a reply, expected or overheard, is that of the oldest owed request,
and shows how late the others may be. It does not settle the debt at once, because a reply may come
twice or overtake another.

A complete reply that was not requested is a *surplus*: the device answers twice, or two devices
have the same address. The device then rests as after a timeout. So that no surplus is taken for the
reply to another request, a request whose reply looks like an earlier one is only sent after the
echo time; the planner avoids replies of one device that look alike. After a surplus every reply of
the device is *unsure* for a while: it is held back until the echo time has passed without another.
A second device need not know all that the first one does, so the requests that a surplus may have
followed must be answered alone several times before that ends.
"""

import math
from collections.abc import Hashable, Iterable

import msgspec

from drivers.family import Expect, Transaction

WINDOW_MIN_S = 1.0
# How long after a reply its repetition, or a twin's reply, may follow: devices repeat within 0.3 s.
ECHO_S = 0.35

# Replies in a row that must come alone after a surplus before the next is believed at once.
SUSPECT_REPLIES = 32

# The same for each request that a surplus may have followed, however many they are.
_EACH_REPLIES = 4

# The same for a device that never answered before: two may have been connected.
_STRANGER_REPLIES = 2

# After this time a missing reply counts as lost.
_OWED_MAX_S = 30.0

# Longest rest because of unexpected frames: a device that never falls silent, or that another
# # master polls too, must be tried again.
REST_MAX_S = 30.0

# How late a reply may be that a later one has overtaken.
OVERTAKEN_S = 10.0

# Most owed replies that are remembered.
OWED_MAX = 16

_RECENT_MAX = 256
# A device that was late once may be later by half the next time.
_UNSTEADY = 1.5


def late_window_s(timeout_s: float) -> float:
    """The late window of a device with this timeout."""
    return max(timeout_s, WINDOW_MIN_S)


class _OwedReply(msgspec.Struct):
    transaction: Transaction
    expect: Expect
    sent_s: float
    until_s: float
    paid: bool = False
    # Repeated within the late window, which alone may bring the same reply twice.
    soon: bool = False


class _ReplyRecord(msgspec.Struct):
    """A received reply, the transaction it answers, and when it came."""

    transaction: Transaction
    frame: bytes
    at_s: float


class Quarantine:
    """One device's late window and owed replies. Instants are the loop's, in seconds.

    `echo_s` is how long a surplus may still come; it is longer for slow devices. `twice` says that
    the device answers twice, or that there are two of it; `twins` that two replies differed, so
    that a single one may be of either. `doubled` has the requests that a surplus may have followed,
    and how many replies to each must still come alone; `counted_s` is when one last did. Only
    `regular` requests, which are repeated, can be in it.
    """

    def __init__(self, window: float) -> None:
        self.until_s = 0.0
        self.echo_s = ECHO_S
        self.suspect = _STRANGER_REPLIES
        self.twice = self.twins = False
        self.upset_s = self.counted_s = -math.inf
        self.doubled: dict[bytes, int] = {}
        self.regular: frozenset[bytes] = frozenset()
        self._window_s = window
        self._owed: list[_OwedReply] = []
        self._late_s = 0.0
        self._recent: dict[Expect, list[_ReplyRecord]] = {}
        self._refusals: dict[Hashable, _ReplyRecord] = {}
        self._kins: dict[Hashable, Expect] = {}
        self._last: _ReplyRecord | None = None
        self._replied_s = -math.inf
        self._blocked_s = -math.inf
        self._resting_s: float | None = None

    @property
    def owes(self) -> bool:
        """Whether an abandoned reply may still come."""
        return bool(self._owed)

    @property
    def _unsettled(self) -> bool:
        return bool(self.is_unsure or self._owed)

    @property
    def kins(self) -> Iterable[Expect]:
        """What finds every complete frame of this device, by the functions it was asked."""
        return self._kins.values()

    def record_failure(
        self,
        transaction: Transaction,
        sent_s: float,
        now_s: float,
        *,
        window_s: float | None = None,
    ) -> None:
        """The transaction has no reply of its own: rest for `window_s`, by default the late window.

        A broadcast owes no reply.
        """
        self.until_s = now_s + (self._window_s if window_s is None else window_s)
        self.upset_s = now_s
        self._resting_s = None
        if transaction.expect is not None:
            self._owe(transaction, transaction.expect, sent_s)
            self._owed[-1].soon = window_s is not None

    def record_noise(self, now_s: float) -> None:
        """A garbled reply came: what was believed shortly before may have been another's."""
        self.upset_s = now_s

    def record_answer(
        self, transaction: Transaction, frame: bytes, sent_s: float, now_s: float
    ) -> None:
        """A reply came to this request, or to an older one whose reply looks the same.

        In that case the reply to this one is owed from now on.
        """
        expect = transaction.expect
        if expect is None:
            return
        self._replied_s = now_s
        self._resting_s = None
        last = self._last
        if last is not None and last.transaction is transaction and not self._unsettled:
            last.frame, last.at_s = frame, now_s  # the usual case: a device with one block
            return
        if len(self._recent) > _RECENT_MAX:
            # Each written value makes another expectation.
            kept = self._recent.items()
            self._recent = {each: r for each, r in kept if now_s - r[-1].at_s < self.echo_s}
        recent = self._recent.get(expect, ())
        self._recent[expect] = [
            each
            for each in recent
            if now_s - each.at_s < self.echo_s and each.transaction.request != transaction.request
        ]
        self._know(expect)
        self._last = _ReplyRecord(transaction, frame, now_s)
        self._recent[expect].append(self._last)
        if self.is_unsure:
            self._count(transaction.request, now_s)
        self._forget(now_s)
        if any(owed.expect == expect for owed in self._owed):
            self._owe(transaction, expect, sent_s)
            self._pay(expect, now_s)

    def record_refusal(self, transaction: Transaction) -> None:
        """The reply was a refusal, which could belong to any request of this kin."""
        expect = transaction.expect
        if expect is not None and expect in self._recent:
            self._refusals[expect.kin] = self._recent[expect][-1]

    def match_surplus(self, kin: Hashable, frame: bytes, now_s: float) -> float | None:
        """An unexpected complete frame: returns how late it is, or None if it is a surplus."""
        self._forget(now_s)
        self._rest(now_s)
        echoes = self._echoes(kin, frame, now_s)
        if not echoes or (frame == echoes[-1] and any(owed.soon for owed in self._owed)):
            for owed in self._owed:
                if not owed.paid and owed.expect.find(frame, final=True) is not None:
                    return self._pay(owed.expect, now_s)
        self.twice = True
        self._doubt(kin, frame, now_s)
        self.twins = self.twins or frame not in echoes
        if frame not in echoes[-1:]:  # an exact repetition contradicts nothing
            self.upset_s = now_s
        return None

    def replan(self, old: Iterable[bytes], new: Iterable[bytes]) -> None:
        """These requests are replaced by others, or are no longer sent."""
        left = max((self.doubled.pop(each, 0) for each in old), default=0)
        new = list(new)
        if left and new:
            self.doubled.update(dict.fromkeys(new, left))
        elif left and not self.doubled:
            self.suspect = max(self.suspect, left)

    def _count(self, request: bytes, now_s: float) -> None:
        """A reply came, alone so far."""
        if request in self.doubled:
            self.counted_s = now_s
            self.doubled[request] -= 1
            if not self.doubled[request]:
                del self.doubled[request]
        if self.suspect:
            self.suspect -= 1
        if not self.is_unsure:
            self.twice = self.twins = False

    def _doubt(self, kin: Hashable, frame: bytes, now_s: float) -> None:
        """Record what the surplus may have followed: what looks like it, and the last replies."""
        last = [] if self._last is None else [self._last]
        for expect, recent in self._recent.items():
            if expect.kin == kin and expect.good_only().find(frame, final=True) is not None:
                last += recent[-1:]
            last += [each for each in recent if now_s - each.at_s <= self.echo_s]
        followed = {each.transaction.request for each in last} & self.regular
        if not followed:
            self.suspect = SUSPECT_REPLIES
            return
        followed |= self.doubled.keys()
        each = max(math.ceil(SUSPECT_REPLIES / len(followed)), _EACH_REPLIES)
        self.doubled = dict.fromkeys(followed, each)

    def _rest(self, now_s: float) -> None:
        """Rest until a late window has passed without such a frame, within a limit."""
        if (
            self._resting_s is None or now_s > self.until_s + REST_MAX_S
        ):  # it has not rested for a long time
            self._resting_s = now_s
        rest_s = min(now_s + self._window_s, self._resting_s + REST_MAX_S)
        self.until_s = max(self.until_s, rest_s)

    def _echoes(self, kin: Hashable, frame: bytes, now_s: float) -> list[bytes]:
        """Recent replies that the frame may repeat, its own or a twin's; the last one last."""
        refusal = self._refusals.get(kin)
        replies = [] if refusal is None else [refusal]
        for expect, recent in self._recent.items():
            if expect.kin == kin and expect.good_only().find(frame, final=True) is not None:
                replies = recent  # not a refusal
                break
        return [each.frame for each in replies if now_s - each.at_s <= self.echo_s]

    def free_at_s(self, transaction: Transaction, now_s: float) -> float:
        """When this transaction may be sent."""
        free_s = self.until_s
        expect = transaction.expect
        if expect is None:
            return free_s
        if now_s - self._replied_s < self.echo_s:
            if self.is_unsure:
                free_s = max(free_s, self._replied_s + self.echo_s)
            refusal = self._refusals.get(expect.kin)
            if refusal is not None and refusal.transaction.request != transaction.request:
                free_s = max(free_s, refusal.at_s + self.echo_s)
            free_s = max(free_s, self._alike_s(transaction, expect) + self.echo_s)
        if self._owed:
            free_s = max(free_s, self._settled_s(transaction, now_s))
        return free_s

    def can_be_mistaken(self, transaction: Transaction, now_s: float) -> bool:
        """Whether its reply could be taken for an owed one."""
        return any(
            owed.until_s > now_s
            and owed.expect == transaction.expect
            and owed.transaction.request != transaction.request
            for owed in self._owed
        )

    def doubts_refusals(self, transaction: Transaction, now_s: float) -> bool:
        """Whether a refusal of it could be an owed one."""
        expect = transaction.expect
        return expect is not None and any(
            owed.until_s > now_s
            and owed.expect.kin == expect.kin
            and owed.transaction.request != transaction.request
            for owed in self._owed
        )

    @property
    def is_unsure(self) -> bool:
        """Whether the next reply may be one of two, or another's."""
        return bool(self.suspect or self.doubled)

    def distrust(self) -> None:
        """The device was away: what answers now may be another device, or two."""
        self.suspect = max(self.suspect, _STRANGER_REPLIES)

    def _alike_s(self, transaction: Transaction, expect: Expect) -> float:
        """When another request whose reply looks like this one's was last answered."""
        recent = self._recent.get(expect, ())
        others = (r.at_s for r in recent if r.transaction.request != transaction.request)
        return max(others, default=-math.inf)

    def _settled_s(self, transaction: Transaction, now_s: float) -> float:
        """When no owed reply could be mistaken for its reply any more."""
        others, own = 0.0, 0.0
        for owed in self._owed:
            if owed.until_s <= now_s or owed.expect != transaction.expect:
                continue
            if owed.transaction.request != transaction.request:
                others = max(others, owed.until_s)
            elif self._late_s:
                own = max(own, owed.until_s)
        if others:
            self._blocked_s = now_s
        # While another request waits for this lane to settle, it must not be used for ever.
        return max(others, own if now_s - self._blocked_s < self._window_s else 0.0)

    def _know(self, expect: Expect) -> None:
        if expect.kin not in self._kins:
            self._kins[expect.kin] = expect.any_of_kin()

    def _owe(self, transaction: Transaction, expect: Expect, sent_s: float) -> None:
        self._know(expect)
        self._owed.append(_OwedReply(transaction, expect, sent_s, sent_s + _OWED_MAX_S))
        del self._owed[:-OWED_MAX]

    def _pay(self, expect: Expect, now_s: float) -> float:
        """Settle the oldest debt that looks like this; returns how late it was."""
        alike = [owed for owed in self._owed if owed.expect == expect]
        oldest = next((owed for owed in alike if not owed.paid), alike[-1])
        oldest.paid = True
        late_s = now_s - oldest.sent_s
        self._late_s = max(self._late_s, late_s)
        for owed in alike:
            bound_s = owed.sent_s + max(_UNSTEADY * self._late_s + self._window_s, OVERTAKEN_S)
            owed.until_s = min(owed.until_s, bound_s)
        return late_s

    def _forget(self, now_s: float) -> None:
        if self._owed:
            self._owed = [owed for owed in self._owed if owed.until_s > now_s]
            if not self._owed:
                self._late_s = 0.0

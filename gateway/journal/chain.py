"""A hash chain through the service lane: changing, dropping or adding an act breaks it.

Each act carries its number `n`, the seal of the act before it (`prev`) and its own `seal`: SHA-256
over the canonical form of its content and instant. The last number and seal are kept as state in
the same commit, so a truncated chain is detected as well. There is no key: an attacker who owns the
disk can forge a whole new chain, but not one that agrees with the copies that the platform has
receipted.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.errors import UsageError
from gateway.journal.events import GAP
from gateway.journal.stored_state import json_decoder
from gateway.signing import canonical_json

TYPE = "cn.yizhan.audit.act.v1"
ROOM = "audit"
# The state room and key of the chain's end.
HEAD = "head"

# The predecessor seal of a journal's first act.
ORIGIN = "0" * 64

_INSTANT = ("bootid", "uptimems", "timequality", "time")

ALTERED = "journal.chain-altered"
MISSING = "journal.chain-missing"
# Ways in which a chain can be broken: an act was changed, acts are missing, the end is missing.
CUT = "journal.chain-cut"


class ChainHead(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last act of the chain; `seq` is its number in the lane, 0 while unknown."""

    n: int = 0
    seal: str = ORIGIN
    seq: int = 0


_head = json_decoder(ChainHead)
_SEAL = re.compile("[0-9a-f]{64}")


class ChainBreak(msgspec.Struct, frozen=True):
    """The first break of the chain; `why` is a text code."""

    n: int
    seq: int
    why: str


class ChainProof(msgspec.Struct, frozen=True):
    """A verification's result: acts `first` to `last`; `lost` are missing with a gap on record."""

    first: int = 0
    last: int = 0
    acts: int = 0
    lost: int = 0
    broken: ChainBreak | None = None


def decode_head(key: str, body: bytes) -> ChainHead:
    """Decode the stored end of the chain; ValueError if no act can have left it.

    Without this check a row without its fields would read as the start of a chain, and the next
    act would begin another one.
    """
    head: ChainHead = _head(key, body)
    if head.n < 1 or head.seq < 0 or head.seal == ORIGIN or not _SEAL.fullmatch(head.seal):
        raise ValueError
    return head


def act_seal(tail: Mapping[str, Any]) -> str:
    """The seal of the act in that CloudEvent (its tail is enough)."""
    said = {key: value for key, value in tail["data"].items() if key != "seal"}
    covered = {"data": said, **{key: tail[key] for key in _INSTANT if tail.get(key) is not None}}
    return hashlib.sha256(canonical_json(covered)).hexdigest()


def verify_chain(
    events: Iterable[bytes], head: ChainHead | None, *, moved: bool = False
) -> ChainProof:
    """Verify the acts among the service lane's events, given in order and including gaps.

    `head` is the stored end of the chain, read before the events; None if unknown. `moved`: the
    journal replaced another, whose acts come behind newer ones and not all of which have come
    yet; the acts are then ordered by their own number.
    """
    walk = _Walk(head)
    if moved:
        events = walk.sorted(events)
    for event in events:
        if (why := walk.step(event)) is not None:
            return walk.proof(ChainBreak(walk.n, walk.seq, why))
    if head is not None and walk.n < head.n:
        if walk.gap:  # the last acts were evicted, with a gap on record
            return walk.proof(None)
        return walk.proof(ChainBreak(head.n, walk.seq, CUT))
    return walk.proof(None)


class _Walk:
    """The state of a verification."""

    def __init__(self, head: ChainHead | None) -> None:
        self.n = 0
        self.seq = 0
        self.gap = False
        self._seal = ORIGIN
        self._head = head
        self._first = 0
        self._acts = 0
        self._lost = 0
        self._moved = False
        self._any_gap = False

    def sorted(self, events: Iterable[bytes]) -> list[bytes]:
        """The acts by number, each once; also notes whether there are gaps."""
        acts: dict[tuple[int, str], bytes] = {}
        for event in events:
            if TYPE.encode() not in event:
                self._any_gap = self._any_gap or GAP.type.encode() in event
                continue
            told = msgspec.json.decode(event)
            n = told["data"].get("n")
            acts[n if type(n) is int else 0, str(told["data"].get("seal"))] = event
        self._moved = True
        return [acts[key] for key in sorted(acts)]

    def step(self, event: bytes) -> str | None:
        """Check one event; returns why the chain breaks there, if it does."""
        if GAP.type.encode() not in event and TYPE.encode() not in event:
            return None
        told = msgspec.json.decode(event)
        self.seq = int(told["sequence"])
        if told["type"] == TYPE:
            return self._act(told)
        self.gap = self.gap or told["type"] == GAP.type
        return None

    def _act(self, told: dict[str, Any]) -> str | None:
        before, before_seal = self.n, self._seal
        self.n += 1
        try:
            n, prev, seal = (told["data"][key] for key in ("n", "prev", "seal"))
            sound = type(n) is int and seal == act_seal(told)
        except (UsageError, LookupError, TypeError):
            return ALTERED
        if not sound:
            return ALTERED
        self.n, self._seal = n, seal
        if self._head and n == self._head.n and seal != self._head.seal:
            return ALTERED
        follows = self.n == before + 1 and prev == before_seal
        excused = self.gap or self._any_gap
        excused = excused or (not self._acts and (self._moved or "formerid" in told))
        if not follows and not (excused and self.n > before + 1):
            return MISSING
        self._lost += self.n - before - 1
        self._first = self._first or self.n
        self._acts += 1
        self.gap = False
        return None

    def proof(self, broken: ChainBreak | None) -> ChainProof:
        """What has been verified so far."""
        last = self.n if broken is None else max(0, broken.n - 1)
        return ChainProof(self._first, last, self._acts, self._lost, broken)

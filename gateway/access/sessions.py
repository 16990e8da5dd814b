"""How long somebody stays signed in. Pure: instants are arguments, all of this boot.

Whoever has done nothing for a while may still look (a board that goes dark helps nobody) but must
show who they are before they act; after the whole time nothing is left. A session of another boot
has ended.
"""

import enum
from typing import Literal

import msgspec

SECOND_NS = 1_000_000_000

IDLE_S = 30 * 60
WHOLE_S = 12 * 3600
"""Half an hour without a press, and one long shift: the bounds of ASVS level 2."""

KEEP_EVERY_S = 300
"""That somebody is active is written down so seldom: a restart costs at most this much of it."""

Level = Literal["password", "pin"]


class Standing(enum.Enum):
    """What a session still allows."""

    ACTIVE = "active"
    LOCKED = "locked"  # look, but act only after the PIN or the password
    ENDED = "ended"


class Session(msgspec.Struct, frozen=True):
    """Somebody signed in; it is kept under the digest of its token.

    `generation` is the account's: a password that was changed ends the sessions of the old one.
    `seen_ns` is the last press, `kept_ns` what the journal knows of it.
    """

    account: str
    level: Level
    desk: str
    generation: int
    boot: str
    began_ns: int
    seen_ns: int
    kept_ns: int

    def standing(self, boot: str, now_ns: int) -> Standing:
        """What it allows now."""
        if boot != self.boot or now_ns - self.began_ns >= WHOLE_S * SECOND_NS:
            return Standing.ENDED
        if now_ns - self.seen_ns >= IDLE_S * SECOND_NS:
            return Standing.LOCKED
        return Standing.ACTIVE

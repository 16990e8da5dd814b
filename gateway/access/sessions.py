"""How long a session lasts. Pure: instants are arguments.

A person who has been idle may still look (a board that goes dark helps nobody) but must
authenticate before acting. After one shift the same holds while a page of theirs still listens to
the station, for another shift at most; then the session ends.

A session survives a reboot only at the computer where it began (`carried`): its holder may look and
listen. They may act again without authenticating only if a trusted clock says that the reboot took
less than the idle time. Time spent of the shift is never given back: a reboot costs what the clock
says it took, or else `REBOOT_S`.
"""

import enum
from typing import Literal

import msgspec

SECOND_NS = 1_000_000_000

IDLE_S = 30 * 60
# Half an hour without a press, and one long shift: the limits of ASVS level 2.
WHOLE_S = 12 * 3600

LOOK_S = 2 * WHOLE_S
# A page that listened within this time goes on: it comes back after a restart or a pause.
PAGE_S = 120

# Interval of storing a person's activity: a restart costs at most this much of it.
KEEP_EVERY_S = 300

# What a reboot costs of the shift if its length is unknown: twelve of them end it.
REBOOT_S = 3600

Level = Literal["password", "pin"]


class SessionStatus(enum.Enum):
    """What a session still allows."""

    ACTIVE = "active"
    LOCKED = "locked"  # may look, but act only after the PIN or the password
    ENDED = "ended"


class Session(msgspec.Struct, frozen=True):
    """A person's session, stored under the digest of its token.

    `generation` is the account's: a changed password ends the sessions of the old one.
    `seen_ns` is the last press, `seen_wall_ns` the same in wall time if that was known,
    `kept_ns` what the journal has of it, `page_ns` when a page of theirs last listened (in
    memory only). `spent_ns` of the shift passed before `began_ns`, in earlier boots.
    """

    account: str
    level: Level
    desk: str
    generation: int
    boot: str
    began_ns: int
    seen_ns: int
    kept_ns: int
    seen_wall_ns: int | None = None
    carried: bool = False
    page_ns: int = 0
    spent_ns: int = 0

    def status(self, boot: str, now_ns: int, wall_ns: int | None = None) -> SessionStatus:
        """What it allows now; `wall_ns` comes from a trusted clock."""
        if boot != self.boot:
            return SessionStatus.ENDED
        age_ns, idle_ns = self.spent_ns + now_ns - self.began_ns, now_ns - self.seen_ns
        if self.carried:
            away_ns = _since(self.seen_wall_ns, wall_ns)
            age_ns = age_ns if away_ns is None else self._known_ns + away_ns
            idle_ns = IDLE_S * SECOND_NS if away_ns is None else max(idle_ns, away_ns)
        if age_ns >= WHOLE_S * SECOND_NS:
            hears = self.page_ns and now_ns - self.page_ns < PAGE_S * SECOND_NS
            looks = hears and age_ns < LOOK_S * SECOND_NS
            return SessionStatus.LOCKED if looks else SessionStatus.ENDED
        return SessionStatus.LOCKED if idle_ns >= IDLE_S * SECOND_NS else SessionStatus.ACTIVE

    def after_press(self, now_ns: int, wall_ns: int | None) -> "Session":
        """After a press of its holder; only for an active session."""
        began_ns, spent_ns = self.began_ns, self.spent_ns
        away_ns = _since(self.seen_wall_ns, wall_ns)
        if self.carried and away_ns is not None:  # the length of the reboot belongs to the shift
            began_ns, spent_ns = now_ns, self._known_ns + away_ns
        return msgspec.structs.replace(
            self,
            began_ns=began_ns,
            seen_ns=now_ns,
            seen_wall_ns=wall_ns,
            carried=False,
            spent_ns=spent_ns,
        )

    @property
    def _known_ns(self) -> int:
        """For a carried session: what was spent before its last reboot."""
        return max(0, self.spent_ns - REBOOT_S * SECOND_NS)

    def after_load(self, boot: str, now_ns: int) -> "Session":
        """As loaded at a start: its page may come back, and a reboot may have passed."""
        if boot == self.boot:
            return msgspec.structs.replace(self, page_ns=now_ns)
        in_boot_ns = max(0, self.seen_ns - self.began_ns)
        return msgspec.structs.replace(
            self,
            boot=boot,
            began_ns=now_ns,
            seen_ns=now_ns,
            kept_ns=now_ns,
            carried=True,
            page_ns=now_ns,
            spent_ns=self.spent_ns + in_boot_ns + REBOOT_S * SECOND_NS,
        )


def _since(then_ns: int | None, now_ns: int | None) -> int | None:
    """How long ago that was, if both are known; None if the clock went back."""
    if then_ns is None or now_ns is None or now_ns < then_ns:
        return None
    return now_ns - then_ns

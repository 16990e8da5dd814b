"""What the station's user may do, also when root asks: root may do everything."""

import grp
import os
import pwd
from typing import NamedTuple

USER = "yizhan"

# `SupplementaryGroups=` of the units.
UNIT_GROUPS = ("dialout", "audio", "bluetooth")


class UserRights(NamedTuple):
    """User id and groups of one user."""

    uid: int
    groups: frozenset[int]

    @classmethod
    def for_station(cls) -> "UserRights":
        """The station's user if root asks and it exists, else the current user."""
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam(USER)
            except KeyError:
                return cls(0, frozenset())
            return cls(user.pw_uid, frozenset(_groups(user)))
        return cls(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))

    def may_use(self, found: os.stat_result) -> bool:
        """Whether the user may read and write it."""
        return self._bits(found) & 6 == 6  # noqa: PLR2004  # rw

    def may_write(self, found: os.stat_result) -> bool:
        """Whether the user may write it."""
        return bool(self._bits(found) & 2)

    def _bits(self, found: os.stat_result) -> int:
        if self.uid == 0:
            return 7
        if found.st_uid == self.uid:
            return found.st_mode >> 6 & 7
        return (found.st_mode >> 3 if found.st_gid in self.groups else found.st_mode) & 7


def _groups(user: pwd.struct_passwd) -> set[int]:
    named = {g.gr_gid for g in grp.getgrall() if user.pw_name in g.gr_mem}
    lent = {g.gr_gid for g in grp.getgrall() if g.gr_name in UNIT_GROUPS}
    return {user.pw_gid, *named, *lent}

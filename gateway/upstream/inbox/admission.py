"""Whether a command may be carried out: its signature, its expiry, its handler."""

from collections.abc import Mapping

import msgspec

from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused
from gateway.event import Timestamps
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee, PlatformCommand
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.execution import CommandWork, find_work

# An unsigned command's id may be this far ahead of our clock and still move the poll position.
SLACK_NS = 2_000_000_000


class CommandAdmission:
    """Admits the commands of one uplink."""

    def __init__(
        self,
        uplink: str,
        clock: Clock,
        keys: CommandKeys,
        *,
        station: str,
        kinds: Mapping[str, CommandKind],
    ) -> None:
        """`kinds`: every kind with a handler, by name."""
        self._uplink = uplink
        self._clock = clock
        self._keys = keys
        self._station = station
        self._kinds = kinds

    def stamps(self) -> Timestamps:
        """Now, by the clock that this platform's commands are judged by."""
        return self._clock.stamp_of(self._uplink)

    def authenticate(self, command: PlatformCommand, raw: bytes) -> None:
        """CommandRefused unless it is addressed to this station, of a known kind, and signed."""
        of = command.id
        if command.station != self._station:
            raise CommandRefused(c.WRONG_STATION, station=command.station, of=of)
        if self._ahead(command):
            raise CommandRefused(c.AHEAD, of=of)
        must_sign = command.kind not in c.UNSIGNED_KINDS
        if must_sign and command.signature is None:
            raise CommandRefused(c.UNSIGNED, kind=command.kind, of=of)
        if command.kind not in self._kinds:
            raise CommandRefused(c.UNAVAILABLE, kind=command.kind, of=of)
        if must_sign or (command.signature is not None and self._keys.key is not None):
            self._keys.check(
                command, raw
            )  # a signature that is not required must be right all the same

    def deadline(self, command: PlatformCommand) -> Deadline:
        """Until when it may be carried out; one that expired before this boot: its start."""
        deadline = command.deadline(self.stamps(), self._clock.floor_ns)
        return msgspec.structs.replace(deadline, at_ns=max(0, deadline.at_ns))

    def judge_command(
        self, command: PlatformCommand, deadline: Deadline
    ) -> tuple[CommandWork | None, CommandRefused | None]:
        """The work, where there is a handler, and the first reason to refuse it."""
        late = CommandRefused(c.EXPIRED) if deadline.passed(self._clock) else None
        try:
            return find_work(self._kinds, command.kind, bytes(command.data)), late
        except CommandRefused as refusal:
            return None, late or refusal

    def is_urgent(self, raw: bytes) -> bool:
        """Whether these bytes look like an emergency; nothing is checked."""
        seen = c.preview_command(raw)
        try:
            work = find_work(self._kinds, seen.kind, bytes(seen.data))
        except Exception:  # noqa: BLE001  # it is named when the command's turn comes
            return False
        return work.promise is ExecutionGuarantee.AT_LEAST_ONCE

    def at_most_now(self, command_id: str) -> str:
        """That id, at most the present's: an unsigned command must not hide signed ones."""
        wall_ns = self.stamps().wall_ns
        return (
            command_id
            if wall_ns is None
            else min(command_id, c.last_possible_id(wall_ns + SLACK_NS))
        )

    def _ahead(self, command: PlatformCommand) -> bool:
        wall_ns = self.stamps().wall_ns
        return wall_ns is not None and command.id_ns > wall_ns + c.AHEAD_NS_MAX

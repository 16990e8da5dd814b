"""The platform's commands.

`broadcast.play`, `broadcast.cap`, `broadcast.stop`, `broadcast.record`.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from broadcast.material.phrase_recordings import PhraseRecording, keep_recording
from broadcast.material.presets import Presets
from broadcast.order import REPEAT_MAX, ZONES_MAX, Authority, OrderClass
from broadcast.orders.order_request import OrderRequest, Requester, build_order, raise_if_refused
from broadcast.orders.repository import OrderRecord
from broadcast.orders.transitions import OrderState
from broadcast.playback.service import BroadcastService
from broadcast.policy import cap
from broadcast.policy.cap_document import BYTES_MAX
from broadcast.voice.voice import Voice
from gateway.audit.events import Actor
from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused, StationError
from gateway.upstream.inbox.command import CommandKind, Mandate

DAY_NS = 86_400 * 1_000_000_000
PLAYED_BEFORE = "broadcast.played-before"


class CapCommand(msgspec.Struct, frozen=True):
    """A CAP 1.2 document and where to play it: without zones, where its areas say."""

    xml: Annotated[str, msgspec.Meta(min_length=1, max_length=BYTES_MAX)]
    zones: Annotated[tuple[str, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    repeat: Annotated[int, msgspec.Meta(ge=1, le=REPEAT_MAX)] = 3


class StopCommand(msgspec.Struct, frozen=True):
    """Stop that order; without one, everything below the emergency in those zones, or in all."""

    order: str | None = None
    zones: tuple[str, ...] = ()


class BroadcastCommands(NamedTuple):
    """Commands of the platform behind one uplink; `areas` are the zones of a warning's areas.

    An emergency is carried out and recorded at once, because an id that comes again is known.
    Anything else is recorded first; after a kill the stored order says what became of it.
    """

    uplink: str
    room: BroadcastService
    presets: Presets
    clock: Clock
    voice: Voice
    areas: Mapping[str, Collection[str]] = {}

    def kinds(self) -> list[CommandKind]:
        play = CommandKind(
            "broadcast.play", OrderRequest, self.play, settle=self.settle, urgent=self._pressing
        )
        warn = CommandKind(
            "broadcast.cap", CapCommand, self.warn, settle=self.settle_cap, urgent=self._alarming
        )
        stop = CommandKind("broadcast.stop", StopCommand, self.stop)
        return [play, warn, stop, CommandKind("broadcast.record", PhraseRecording, self.record)]

    async def play(self, ask: OrderRequest, mandate: Mandate) -> Any:
        """Order it under the command's id."""
        return await self._order(ask, mandate.id, mandate.deadline)

    async def settle(self, _: OrderRequest, mandate: Mandate) -> Any:
        """What became of it before a kill."""
        return await self._became(mandate.id)

    async def warn(self, asked: CapCommand, mandate: Mandate) -> Any:
        """Play a warning if it is meant for the public, in its time, and end what it replaces.

        What is refused, or waits for its time, ends nothing: people must hear one of the two.
        """
        warning = self._read(asked)
        if not warning.sounds:
            await self._supersede(warning.ends)
            return {"sounds": False}
        zones = asked.zones or tuple(cap.warning_zones(warning, self.areas, self.room.house))
        if not zones:
            raise CommandRefused("broadcast.unheard")
        ask = OrderRequest(
            zones=zones,
            text=warning.text,
            cls=warning.cls.word,
            language=warning.language,
            repeat=asked.repeat,
        )
        expires, begins = self._until(warning, mandate.deadline), self._from(warning)
        if begins is not None and begins.at_ns >= expires.at_ns:
            raise CommandRefused("broadcast.cap-late")
        if begins is not None:
            return await self._order(ask, warning.id, expires, begins)
        receipt = await self._order(ask, warning.id, expires, supersedes=warning.ends)
        await self._supersede(warning.ends)
        return receipt

    async def _supersede(self, ids: tuple[str, ...]) -> None:
        """End these; any of them that comes only now is refused, too."""
        if ids:
            await self.room.supersede(ids, self._by.actor)

    async def settle_cap(self, asked: CapCommand, _: Mandate) -> Any:
        """What became of it before a kill."""
        warning = self._read(asked)
        return await self._became(warning.id) if warning.sounds else {"sounds": False}

    async def stop(self, asked: StopCommand, _: Mandate) -> Any:
        """Silence one order, or zones."""
        if asked.order is not None:
            return msgspec.to_builtins(await self.room.cancel(asked.order, self._by.actor))
        return msgspec.to_builtins(await self.room.stop(asked.zones, self._by.actor))

    async def record(self, recording: PhraseRecording, _: Mandate) -> Any:
        """Let a recording speak a text from now on."""
        return msgspec.to_builtins(await keep_recording(self.voice, recording))

    @property
    def _by(self) -> Requester:
        source = f"upstream.{self.uplink}"
        return Requester(Actor("platform", self.uplink), source, Authority.SIGNATURE)

    async def _order(
        self,
        ask: OrderRequest,
        order_id: str,
        deadline: Deadline,
        begins: Deadline | None = None,
        *,
        supersedes: tuple[str, ...] = (),
    ) -> Any:
        bounded = self._bounded(deadline, begins)
        order = build_order(ask, self._by, self.presets, order_id, bounded)
        order = msgspec.structs.replace(order, not_before=begins, supersedes=supersedes)
        receipt = await self.room.place(order)
        raise_if_refused(receipt)
        return msgspec.to_builtins(receipt)

    async def _became(self, order_id: str) -> Any:
        kept = self.room.get(order_id)
        untold = kept is None or kept.state is OrderState.EXPIRED or self._outlived(kept)
        if untold and (heard := await self.room.heard_state(order_id)):
            # An emergency does not wait for its records: a kill may take them, but not the sound.
            why = PLAYED_BEFORE if heard is OrderState.FINISHED else "broadcast.ran-out"
            return {"of": order_id, "state": heard.value, "reason_code": why}
        if kept is None:
            raise CommandRefused("broadcast.unknown")
        if self._outlived(kept):  # the order's own recovery has not ended it yet
            raise CommandRefused("broadcast.expired")
        receipt = self.room.receipt(kept)
        if kept.why != "broadcast.ran-out":  # which was heard as long as it was allowed to be
            raise_if_refused(receipt)
        return msgspec.to_builtins(receipt)

    def _outlived(self, kept: OrderRecord) -> bool:
        """Whether a kill left an emergency open beyond its time; after a power cut it may go on."""
        order, here = kept.order, kept.boot == self.clock.boot
        return kept.open and here and order.class_.urgent and order.expires.passed(self.clock)

    def _read(self, asked: CapCommand) -> cap.CapWarning:
        return cap.parse_warning(asked.xml, self.clock.stamp_of(self.uplink).wall_ns)

    def _alarming(self, asked: CapCommand) -> bool:
        try:
            warning = self._read(asked)
        except StationError:
            return False  # its receipt will say what is wrong with it
        return warning.sounds and warning.cls.urgent

    def _from(self, warning: cap.CapWarning) -> Deadline | None:
        """When it may begin, if that lies ahead; at once if its delay is unknown."""
        now = self.clock.stamp_of(self.uplink)
        if warning.begins_ns is None or now.wall_ns is None:
            return None
        ahead_ns = warning.begins_ns - max(now.wall_ns, self.clock.floor_ns)
        return Deadline(now.boot, now.at_ns + ahead_ns, warning.begins_ns) if ahead_ns > 0 else None

    def _until(self, warning: cap.CapWarning, deadline: Deadline) -> Deadline:
        """As long as the command lives, and never beyond the warning's own expiry."""
        now = self.clock.stamp_of(self.uplink)
        if warning.expires_ns is None or now.wall_ns is None:
            return deadline
        left_ns = warning.expires_ns - max(now.wall_ns, self.clock.floor_ns)
        return deadline.no_later(now.at_ns + left_ns)

    def _pressing(self, ask: OrderRequest) -> bool:
        """Whether it is an emergency, by itself or by its preset."""
        usual = None if ask.preset is None else self.presets.all().get(ask.preset)
        word = ask.cls or (None if usual is None else usual.cls)
        return word in {each.word for each in OrderClass if each.urgent}

    def _bounded(self, deadline: Deadline, begins: Deadline | None) -> Deadline:
        """No order waits for more than a day once its time has come."""
        from_ns = self.clock.now_ns() if begins is None else begins.at_ns
        return deadline.no_later(from_ns + DAY_NS)

"""The gateway's client of the audio process: finds or starts it, and restores it after a crash."""

import asyncio
import contextlib
import itertools
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from broadcast.audio_client.launch import AudioProcessLauncher, Launch, under_systemd
from broadcast.audio_client.shadow import ProcessShadow
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.boottime import now_ns
from broadcast.audio_protocol.messages import AudioState, Programme, SpeakerSetting
from gateway.errors import CommandRefused, Unavailable
from gateway.faults import OnFault, RemoteFault, contain, log_fault

# Reading a long programme from a slow card takes seconds; everything else is answered at once.
ANSWER_WITHIN_S = 10.0

CONNECT_WITHIN_S = 3.0
RETRY_MIN_S, RETRY_MAX_S = 0.05, 1.0

AudioListener = Callable[[messages.AudioEvent], None]
ReconcileState = Callable[[AudioState], None]

_log = logging.getLogger(__name__)


class AudioClient:
    """One connection to the audio process; `run` keeps it.

    Every method waits for a connection for a short time and then raises Unavailable; what the
    process refuses is raised as CommandRefused with its code. Listeners get every event of the
    process, and those that follow from its death (`Stopped` as `lost` or `expired`).
    """

    def __init__(
        self,
        path: Path,
        *,
        launch: Launch | None = None,
        reconcile: ReconcileState | None = None,
        clock: Callable[[], int] = now_ns,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`path` is `audio.sock`; without `launch` we start the process, unless systemd does it.

        `reconcile` is called with the process's state at every (re)connection, after lost
        programmes have been given to it again.
        """
        if launch is None and not under_systemd(os.environ):
            launch = AudioProcessLauncher()
        self._on_fault = on_fault
        self._path = path
        self._launch = launch
        self._reconcile = reconcile
        self._now_ns = clock
        self._listeners: list[AudioListener] = []
        self._speakers: tuple[SpeakerSetting, ...] | None = None
        self._mirror = ProcessShadow()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[messages.AudioAnswer | AudioState]] = {}
        self._socket: socket.socket | None = None
        self._sending = asyncio.Lock()
        self._ready = asyncio.Event()
        self._process: str | None = None
        self._lost_ns = 0

    @property
    def connected(self) -> bool:
        """Whether the process is there and has been restored."""
        return self._ready.is_set()

    def add_listener(self, listener: AudioListener) -> None:
        """Call `listener` with every event; it must not block."""
        self._listeners.append(listener)

    async def prepare(self, programme: Programme) -> int:
        """Read a programme into the process's memory; returns its number of frames."""
        answer = await self._ask(messages.PrepareCommand(programme))
        frames = int(answer.data.get("frames", 0))
        self._mirror.note_prepared(programme, frames)
        return frames

    async def play(
        self,
        id_: str,
        start: int = 0,
        *,
        zones: Sequence[str] = (),
        replaces: Sequence[str] = (),
    ) -> None:
        """Play a prepared programme from frame `start` on, in place of those that it `replaces`.

        A programme that plays already is added to `zones`.
        """
        await self._ask(messages.PlayCommand(id_, start, tuple(zones), tuple(replaces)))
        self._mirror.note_played(id_, start, zones)

    async def stop(
        self, id_: str | None = None, zones: Sequence[str] = (), why: str = "stopped"
    ) -> None:
        """Stop a programme, or whatever plays in the zones; `Stopped` events follow."""
        await self._ask(messages.StopPlayingCommand(id_, tuple(zones), why))
        if id_ is not None and not zones:
            self._mirror.forget(id_)
        elif id_ is not None:
            self._mirror.note_left(id_, zones)

    async def set_level(self, id_: str, zone: str, db: float) -> None:
        """Duck or restore a programme in a zone."""
        await self._ask(messages.LevelCommand(id_, zone, db))

    async def open_live(self, programme: Programme) -> None:
        await self._ask(messages.LiveOpenCommand(programme))
        self._mirror.note_prepared(programme, 0)

    async def feed_live(self, id_: str, pcm: bytes) -> None:
        """Feed live sound; what cannot be sent now is dropped, because it would be late."""
        if self.connected:
            await self._send(messages.LivePcmCommand(id_, pcm))

    async def end_live(self, id_: str) -> None:
        """End live sound after what was fed."""
        await self._ask(messages.LiveEndCommand(id_))

    async def begin_capture(self, id_: str, device: str | None) -> None:
        """Open a microphone of this machine; `Captured` events follow, then a `CaptureOver`."""
        await self._ask(messages.CaptureCommand(id_, device))

    async def end_capture(self, id_: str) -> None:
        """Close a microphone."""
        await self._ask(messages.CaptureEndCommand(id_))

    async def fetch_state(self) -> AudioState:
        """What the process holds and how the speakers are."""
        answer = await self._reply(messages.StateQuery())
        assert isinstance(answer, AudioState)
        return answer

    async def set_speakers(self, speakers: Sequence[SpeakerSetting]) -> None:
        """Set the speakers, now and after every reconnection."""
        self._speakers = tuple(speakers)
        await self._ask(messages.SpeakersCommand(self._speakers))

    async def self_test(self, speakers: Sequence[str], chime: Path | None = None) -> None:
        """Let the speakers show how far they work; `Well` and `Fault` events follow."""
        await self._ask(
            messages.SelfTestCommand(tuple(speakers), None if chime is None else str(chime))
        )

    async def run(self) -> None:
        """Connect, listen and reconnect until cancelled. The process itself is left running."""
        retry_s = RETRY_MIN_S
        while True:
            try:
                await self._connect()
                retry_s = RETRY_MIN_S
                await self._attend()
            except (OSError, msgspec.DecodeError, Unavailable, CommandRefused) as error:
                _log.debug("audio process: %s", error)
            finally:
                self._disconnect()
            if self._launch is not None:
                self._launch(self._path)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    async def _connect(self) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            await asyncio.get_running_loop().sock_connect(link, str(self._path))
        except BaseException:  # cancelled, too: nothing else knows of this socket
            link.close()
            raise
        self._socket = link

    async def _attend(self) -> None:
        """Read events until the process goes away; meanwhile restore it."""
        assert self._socket is not None
        settling = asyncio.ensure_future(self._settle(self._socket))
        try:
            await self._hear(self._socket)
        finally:
            settling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await settling

    async def _hear(self, link: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while packet := await loop.sock_recv(link, messages.PACKET_BYTES_MAX):
            try:
                told = messages.parse_message(packet)
            except msgspec.DecodeError as error:  # from another version: the next one may be known
                self._on_fault("audio.message", error)
                continue
            if isinstance(told, messages.AudioProcessFault):
                self._on_fault(f"audio.{told.where}", RemoteFault(told.what))
            elif isinstance(told, messages.AudioAnswer | AudioState):
                if (waiting := self._waiting.get(told.n)) and not waiting.done():
                    waiting.set_result(told)
            else:
                self._mirror.handle_event(told)
                self._tell([told])

    async def _settle(self, link: socket.socket) -> None:
        """Ask for the process's state, restore what it must have, then let other callers in."""
        try:
            if self._speakers is not None:
                await self._reply(messages.SpeakersCommand(self._speakers), settling=True)
            state = await self._reply(messages.StateQuery(), settling=True)
            assert isinstance(state, AudioState)
            if self._process in (None, state.process):
                self._tell(self._mirror.missed_events(state))
            else:
                await self._restore()
                state = await self._reply(messages.StateQuery(), settling=True)
                assert isinstance(state, AudioState)
            self._process = state.process
            self._ready.set()
            if self._reconcile is not None:
                contain(self._on_fault, "audio.reconcile", self._reconcile, state)
        except (OSError, Unavailable) as error:
            _log.debug("audio process left while we settled: %s", error)
            _hang_up(link)
        except Exception as error:  # noqa: BLE001  # the edge: settled anew, never half settled
            self._on_fault("audio.settle", error)
            _hang_up(link)

    async def _restore(self) -> None:
        again, over = self._mirror.plan_restart(self._lost_ns, self._now_ns())
        self._tell(over)
        for programme, start, left, had in again:
            try:
                meant, *joined = messages.zone_batches(programme.zones)
                await self._asked(messages.PrepareCommand(replace(programme, zones=meant)))
                for zones in messages.zone_batches(left):
                    await self._asked(messages.StopPlayingCommand(programme.id, zones))
                if start is not None:
                    await self._asked(messages.PlayCommand(programme.id, start, had=had))
                    for zones in joined:
                        await self._asked(messages.PlayCommand(programme.id, zones=zones))
            except CommandRefused as refused:
                event = messages.ProgrammeRefused(programme.id, refused.code)
                self._mirror.handle_event(event)
                self._tell([event])

    def _disconnect(self) -> None:
        if self._ready.is_set():
            self._lost_ns = self._now_ns()
        self._ready.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Unavailable("audio.away"))

    def _tell(self, events: Sequence[messages.AudioEvent]) -> None:
        for event in events:
            for listener in self._listeners:
                contain(self._on_fault, "audio.listener", listener, event)

    async def _ask(self, command: messages.AudioCommand) -> messages.AudioAnswer:
        return _granted(await self._reply(command))

    async def _asked(self, command: messages.AudioCommand) -> messages.AudioAnswer:
        return _granted(await self._reply(command, settling=True))

    async def _reply(
        self, command: messages.AudioCommand, *, settling: bool = False
    ) -> messages.AudioAnswer | AudioState:
        if not settling:
            await self._wait_ready()
        number = next(self._numbers)
        waiting: asyncio.Future[messages.AudioAnswer | AudioState] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting[number] = waiting
        try:
            await self._send(command, number)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await waiting
        except (OSError, TimeoutError) as error:
            raise Unavailable("audio.away") from error
        finally:
            self._waiting.pop(number, None)

    async def _wait_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._ready.wait()
        if not self.connected:
            raise Unavailable("audio.away")

    async def _send(self, command: messages.AudioCommand, number: int = 0) -> None:
        packet = messages.pack_message(messages.AudioRequest(number, command))
        async with self._sending:
            if self._socket is None:
                raise Unavailable("audio.away")
            await asyncio.get_running_loop().sock_sendall(self._socket, packet)


def _hang_up(link: socket.socket) -> None:
    """Let the reader come to its end, so that it reconnects."""
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _granted(answer: messages.AudioAnswer | AudioState) -> messages.AudioAnswer:
    assert isinstance(answer, messages.AudioAnswer)
    if answer.code is not None:
        raise CommandRefused(answer.code, **answer.data)
    return answer

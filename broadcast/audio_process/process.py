"""`yizhan audio`: one thread that listens, mixes and sends, 50 times a second, and never blocks."""

import logging
import secrets
import select
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from broadcast import realtime
from broadcast.audio_process import self_test
from broadcast.audio_process.background import BackgroundWorkers
from broadcast.audio_process.control_socket import ControlSocket
from broadcast.audio_process.frame_clock import FrameClock
from broadcast.audio_process.microphone_capture import MicrophoneCaptures
from broadcast.audio_process.microphone_check import MicrophoneChecks
from broadcast.audio_process.mixer import Mixer
from broadcast.audio_process.self_test import SelfTestRunner
from broadcast.audio_process.sources import FileSource
from broadcast.audio_process.speaker_bank import SpeakerBank
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.boottime import now_ns
from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.speakers import sdp
from gateway.errors import CommandRefused
from gateway.faults import contain, describe_error, log_fault

# How long another thread may hold the interpreter while the clock waits for it.
SWITCH_S = 0.001

_log = logging.getLogger(__name__)

# The client, and the number of its request.
AudioReply = tuple[socket.socket, int]


class AudioProcess:
    """Everything together."""

    def __init__(self, path: Path, boot: str, leave_after_s: float | None = None) -> None:
        """Open the socket; Unavailable if another process has it."""
        self._door = ControlSocket(path)
        self._path = path
        self._boot = boot
        self._name = secrets.token_hex(4)
        self._leave_after_s = leave_after_s
        self._alone_since_ns = now_ns()
        self._realtime = realtime.use_realtime_priority(realtime.CLOCK_PRIORITY)
        sys.setswitchinterval(SWITCH_S)
        self._errands = BackgroundWorkers(self._contained)
        self._outlets = SpeakerBank(self._door.send_all, self._errands.run, self._contained)
        self._mixer = Mixer(
            on_fault=self._contained,
            behind=self._outlets.behind,
            broken=lambda: self._outlets.broken,
        )
        self._tests = SelfTestRunner(self._mixer, self._outlets, self._errands)
        self._ears = MicrophoneChecks(self._outlets, self._errands, self._door.send_all)
        self._captures = MicrophoneCaptures(self._door, self._errands.post)
        self._pacer = FrameClock(now_ns())
        self._ending = False

    @property
    def realtime(self) -> bool:
        """Whether the clock runs with real-time priority."""
        return self._realtime

    def end(self) -> None:
        """Come to an end; callable from a signal handler."""
        self._ending = True
        self._errands.ring()

    def run(self, alive: Callable[[], None]) -> None:
        """Run until `end`; calls `alive` with every idle tick and with every fiftieth other one."""
        beats = 0
        try:
            while not self._ending:
                active = self._active
                self._listen(self._pacer.wait_s(now_ns(), active=active))
                active = self._active
                if self._pacer.due(now_ns(), active=active):
                    self._beat()
                    beats += 1
                    if not active or beats % 50 == 0:
                        alive()
                        self._ending = self._ending or self._left_alone()
        finally:
            self._close()

    @property
    def _active(self) -> bool:
        return not self._mixer.silent or self._outlets.busy

    def _listen(self, wait_s: float) -> None:
        """Read requests until the next frame is due at the latest."""
        waiting: list[Any] = [*self._door.readers, self._errands.bell]
        ready, _, _ = select.select(waiting, [], [], wait_s)
        if self._errands.bell in ready:
            for result in self._errands.results():
                self._try("result", result)
            self._try("speakers", self._outlets.tend, now_ns())
        sockets = {each for each in ready if isinstance(each, socket.socket)}
        for client, packet in self._door.packets(sockets):
            self._take(client, packet)

    def _take(self, client: socket.socket, packet: bytes) -> None:
        """Answer one request; whatever is wrong with it affects no other."""
        number = 0
        try:
            request = messages.parse_request(packet)
            number = request.n
            self._answer((client, number), request.do)
        except msgspec.DecodeError:
            self._door.send(client, messages.AudioAnswer(0, "audio.bad-request"))
        except Exception as error:  # noqa: BLE001 - the edge: see above
            self._contained("request", error)
            self._door.send(client, messages.AudioAnswer(number, "audio.failed"))

    def _beat(self) -> None:
        """Send 20 ms of sound before anything else is done."""
        self._try("sound", self._sound)
        self._try("speakers", self._outlets.tend, now_ns())
        for event in self._mixer.take_events():
            self._try("event", self._pass_on, event)

    def _sound(self) -> None:
        mixes = self._mixer.tick(now_ns())
        self._outlets.send(mixes, self._mixer.take_cuts())

    def _pass_on(self, event: messages.AudioEvent) -> None:
        if isinstance(event, messages.ProgrammeStarted):
            working = self._outlets.working(event.speakers)
            event = msgspec.structs.replace(event, speakers=working)
            self._hear(event)
        self._door.send_all(event)

    def _try(self, what: str, do: Callable[..., None], *given: Any) -> None:
        """The clock's edge: the next frame follows, whatever fails in this one."""
        contain(self._contained, what, do, *given)

    def _contained(self, where: str, error: BaseException) -> None:
        """Log a fault and let the gateway count it."""
        log_fault(f"audio.{where}", error)
        self._door.send_all(messages.AudioProcessFault(where, describe_error(error)))

    def _hear(self, event: messages.ProgrammeStarted) -> None:
        source = self._mixer.source_of(event.id)
        if source is not None and event.start == 0 and not event.id.startswith(self_test.PREFIX):
            self._ears.start_check(event.id, source, event.speakers)

    def _answer(self, said: AudioReply, command: messages.AudioCommand) -> None:
        try:
            reply = self._do(said, command)
        except CommandRefused as refused:
            self._refuse(said, command, refused)
        else:
            if reply is not None:
                self._door.send(said[0], reply)

    def _do(self, said: AudioReply, command: messages.AudioCommand) -> messages.AudioMessage | None:
        """Carry out a command; None if the answer comes later or never."""
        number = said[1]
        match command:
            case messages.LivePcmCommand(id=id_, pcm=pcm):
                self._mixer.feed_live(id_, pcm)
                return None
            case messages.PrepareCommand(programme=programme):
                return self._prepare(said, command, programme)
            case messages.StateQuery():
                return self._state(number)
            case messages.CaptureCommand(id=id_, device=device):
                self._captures.begin(said[0], id_, device)
                return messages.AudioAnswer(number)
            case _:
                self._do_at_once(command)
                return messages.AudioAnswer(number)

    def _do_at_once(self, command: messages.AudioCommand) -> None:
        match command:
            case messages.PlayCommand(id=id_, start=start, zones=zones, replaces=replaces, had=had):
                self._mixer.play(id_, start, now_ns(), zones=zones, replaces=replaces, had=had)
                self._try("self-test", self._tests.make_way)
            case messages.StopPlayingCommand(id=id_, zones=zones, why=why):
                self._mixer.stop(id_, zones, why)
            case messages.LevelCommand(id=id_, zone=zone, db=db):
                self._mixer.set_level(id_, zone, db)
            case messages.LiveOpenCommand(programme=programme):
                self._mixer.open_live(programme, now_ns())
                self._try("self-test", self._tests.make_way)
            case messages.LiveEndCommand(id=id_):
                self._mixer.end_live(id_)
            case messages.CaptureEndCommand(id=id_):
                self._captures.end(id_)
            case messages.SpeakersCommand(speakers=speakers):
                self._sinks(speakers)
            case messages.SelfTestCommand(speakers=ids, chime=chime):
                self._tests.begin(ids, chime)

    def _prepare(
        self, said: AudioReply, command: messages.AudioCommand, programme: messages.Programme
    ) -> messages.AudioAnswer | None:
        def then(found: object) -> None:
            try:
                frames = self._mixer.prepare(programme, _tape(found, programme), now_ns())
            except CommandRefused as refused:
                self._refuse(said, command, refused)
            else:
                self._door.send(said[0], messages.AudioAnswer(said[1], data={"frames": frames}))

        if not programme.files:
            return messages.AudioAnswer(said[1], "audio.bad-file", {"file": ""})
        if not self._errands.read(programme, then):
            return messages.AudioAnswer(said[1], "audio.full", {"max": messages.PROGRAMMES_MAX})
        return None

    def _refuse(
        self, said: AudioReply, command: messages.AudioCommand, refused: CommandRefused
    ) -> None:
        self._door.send(said[0], messages.AudioAnswer(said[1], refused.code, refused.data))
        if isinstance(command, messages.PrepareCommand | messages.LiveOpenCommand):
            self._door.send_all(messages.ProgrammeRefused(command.programme.id, refused.code))
        elif isinstance(command, messages.PlayCommand):
            self._door.send_all(messages.ProgrammeRefused(command.id, refused.code))

    def _sinks(self, speakers: tuple[messages.SpeakerSetting, ...]) -> None:
        self._mixer.set_speakers(speakers)
        self._outlets.apply_settings(speakers)
        self._outlets.tend(now_ns())
        self._errands.run(partial(_describe, self._path.parent / "sdp", speakers))

    def _state(self, number: int) -> messages.AudioState:
        state = messages.AudioState(
            number,
            process=self._name,
            boot=self._boot,
            realtime=self._realtime,
            late_p99_ms=self._pacer.late_p99_ms(),
            programmes=self._mixer.programmes(),
            ended=self._mixer.ended(),
            speakers=self._outlets.states(),
        )
        return messages.fit_state(state)

    def _left_alone(self) -> bool:
        """Whether the process is not needed any more."""
        if self._leave_after_s is None or self._active or not self._door.empty:
            self._alone_since_ns = now_ns()
            return False
        return now_ns() - self._alone_since_ns >= self._leave_after_s * 1e9

    def _close(self) -> None:
        self._captures.close()
        self._door.close()
        self._outlets.close()
        self._errands.close()


def _tape(found: object, programme: messages.Programme) -> FileSource:
    """The tape that was read; raises the refusal that reading led to."""
    if isinstance(found, CommandRefused):
        raise found
    if not isinstance(found, FileSource):
        raise CommandRefused("audio.bad-file", file=Path(programme.files[0]).name)
    return found


def _describe(folder: Path, speakers: tuple[messages.SpeakerSetting, ...]) -> None:
    """Write session descriptions as files, for a person who sets up a receiver."""
    wanted: dict[str, str] = {}
    for speaker in speakers:
        if isinstance(speaker.options, MulticastOptions):
            wanted |= dict(sdp.session_files(speaker.id, speaker.options))
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        for stale in [path for path in folder.iterdir() if path.name not in wanted]:
            stale.unlink()
        for name, text in wanted.items():
            (folder / name).write_bytes(text.encode())
    except OSError as error:
        _log.warning("%s: %s", folder, error.strerror)

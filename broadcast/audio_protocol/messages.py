"""What the gateway and `yizhan audio` say to each other: msgspec JSON, one message a packet.

The gateway sends `AudioRequest`s; each except `LivePcmCommand` is answered by one `AudioAnswer`
with its number. What happens by itself is sent as an event to every client. Instants are
CLOCK_BOOTTIME in ns, frames are 20 ms.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Any

import msgspec

from broadcast.audio_protocol.speaker_options import SpeakerOptions

# A SEQPACKET packet must fit the socket's buffer as a whole.
PACKET_BYTES_MAX = 131_072

FILES_MAX = 64
PROGRAMMES_MAX = 32
# How many more are held if they are urgent: nothing ordinary can take an emergency's place.
URGENT_MAX = 16

SPEAKERS_MAX = 256
# One second of live sound in one packet.
LIVE_BYTES_MAX = 32_000

# How many ended programmes are remembered for a gateway that comes back.
ENDED_MAX = 256

# Why a programme stops when another one has taken its place.
CUT = "cut"

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
ZONES_MAX = 200
Zones = Annotated[tuple[Id, ...], msgspec.Meta(max_length=ZONES_MAX)]


def zone_batches(zones: Collection[str]) -> Iterator[tuple[str, ...]]:
    """All zones, in batches of as many as one command takes."""
    named = tuple(zones)
    for first in range(0, len(named), ZONES_MAX):
        yield named[first : first + ZONES_MAX]


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to play: canonical WAV files (16 kHz, mono, 16 bit) in order, `repeat` times.

    `rank` is the class by number; 8 and 9 ignore the volume. From `expires_ns` (CLOCK_BOOTTIME) on
    it neither starts nor continues. `urgent`: no frame of it plays twice in one boot. A live
    programme has no files.
    """

    id: Id
    zones: Annotated[Zones, msgspec.Meta(min_length=1)]
    files: Annotated[tuple[str, ...], msgspec.Meta(max_length=FILES_MAX)] = ()
    rank: Annotated[int, msgspec.Meta(ge=1, le=9)]
    gain_db: Annotated[float, msgspec.Meta(ge=-60, le=12)] = 0.0
    repeat: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    gap_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    expires_ns: int | None = None
    urgent: bool = False


class SpeakerSetting(msgspec.Struct, frozen=True):
    """One speaker as the process knows it; `cap_db` limits its level, for `near` zones."""

    id: Id
    options: SpeakerOptions
    cap_db: float | None = None


def speaker_setting(id_: str, options: SpeakerOptions, cap_db: float | None) -> SpeakerSetting:
    """The setting without `stands`, which is the guard's: an older process refuses unknown fields.

    The process outlives an upgrade of the gateway.
    """
    return SpeakerSetting(id_, msgspec.structs.replace(options, stands=msgspec.UNSET), cap_db)


class PrepareCommand(msgspec.Struct, frozen=True, tag="prepare"):
    """Read the files into memory; answered when it could play at once (`data`: `frames`)."""

    programme: Programme


class PlayCommand(msgspec.Struct, frozen=True, tag="play"):
    """Play from that frame on; answered when it is accepted, `ProgrammeStarted` follows.

    A programme that plays already continues, and is added to `zones`, also where it was stopped or
    was not addressed. In the same frame, without a gap, it takes the place of those that it
    `replaces` (`ProgrammeStopped`, `cut`). If it continues for a process that died, only the
    speakers `had` have had all that came before; None: every speaker has.
    """

    id: Id
    start: Annotated[int, msgspec.Meta(ge=0)] = 0
    zones: Zones = ()
    replaces: Annotated[tuple[Id, ...], msgspec.Meta(max_length=PROGRAMMES_MAX)] = ()
    had: Annotated[tuple[Id, ...], msgspec.Meta(max_length=SPEAKERS_MAX)] | None = None


class StopPlayingCommand(msgspec.Struct, frozen=True, tag="stop"):
    """Stop one programme, or whatever plays in the zones; with both, that one in those zones.

    `why` comes back in `ProgrammeStopped`. A prepared programme that did not play is forgotten;
    with zones, it will not play there.
    """

    id: Id | None = None
    zones: Zones = ()
    why: str = "stopped"


class LevelCommand(msgspec.Struct, frozen=True, tag="level"):
    """Duck (-15) or restore (0) one programme where it plays in that zone, fading for 50 ms."""

    id: Id
    zone: Id
    db: Annotated[float, msgspec.Meta(ge=-60, le=0)]


class LiveOpenCommand(msgspec.Struct, frozen=True, tag="live_open"):
    """Open a programme that is fed while it plays; it starts after its first 40 ms."""

    programme: Programme


class LivePcmCommand(msgspec.Struct, frozen=True, tag="live"):
    """Feed it: 16 kHz, mono, 16 bit. Not answered; what does not fit is dropped."""

    id: Id
    pcm: Annotated[bytes, msgspec.Meta(max_length=LIVE_BYTES_MAX)]


class LiveEndCommand(msgspec.Struct, frozen=True, tag="live_end"):
    """End it after what was fed."""

    id: Id


class CaptureCommand(msgspec.Struct, frozen=True, tag="capture"):
    """Open a microphone of this machine: `CapturedPcm` follows to this client, then `CaptureEnded`.

    `device` is ALSA's name; None is the default microphone.
    """

    id: Id
    device: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class CaptureEndCommand(msgspec.Struct, frozen=True, tag="capture_end"):
    """Close a microphone."""

    id: Id


class StateQuery(msgspec.Struct, frozen=True, tag="state"):
    """Answered by a `AudioState`."""


class SpeakersCommand(msgspec.Struct, frozen=True, tag="sinks"):
    """Set the speakers; the unchanged ones play on."""

    speakers: Annotated[tuple[SpeakerSetting, ...], msgspec.Meta(max_length=SPEAKERS_MAX)]


class SelfTestCommand(msgspec.Struct, frozen=True, tag="self_test"):
    """Find out how far each speaker works; `SpeakerWorks` or `SpeakerFailed` follow.

    With `chime` (a WAV file), speakers that have a microphone play it and listen.
    """

    speakers: Annotated[tuple[Id, ...], msgspec.Meta(max_length=SPEAKERS_MAX)]
    chime: str | None = None


AudioCommand = (
    PrepareCommand | PlayCommand | StopPlayingCommand | LevelCommand | LiveOpenCommand
    | LivePcmCommand | LiveEndCommand | CaptureCommand | CaptureEndCommand
    | StateQuery | SpeakersCommand | SelfTestCommand
)  # fmt: skip


class AudioRequest(msgspec.Struct, frozen=True):
    """A command with the number that its answer will carry."""

    n: int
    do: AudioCommand


class AudioAnswer(msgspec.Struct, frozen=True, tag="answer", omit_defaults=True):
    """Done, or why not: `code` is a text code, `data` fills it in."""

    n: int
    code: str | None = None
    data: dict[str, Any] = {}


class ProgrammeStarted(msgspec.Struct, frozen=True, tag="started"):
    """Its first packet left at `at_ns`, from frame `start`, to those speakers (perhaps none)."""

    id: Id
    at_ns: int
    start: int = 0
    speakers: tuple[Id, ...] = ()


class ProgrammeFinished(msgspec.Struct, frozen=True, tag="finished"):
    """It was played to its end; `frames` is its position then.

    `speakers` took some of it while they worked; the `whole` ones lack at most two seconds. None:
    unknown.
    """

    id: Id
    frames: int
    speakers: tuple[Id, ...] | None = None
    whole: tuple[Id, ...] | None = None


class ProgrammeStopped(msgspec.Struct, frozen=True, tag="stopped"):
    """It was stopped before its end: `why` of the stop, `expired`, or `lost` with the process.

    `speakers` took some of it; None: unknown.
    """

    id: Id
    why: str
    frames: int = 0
    speakers: tuple[Id, ...] | None = None


class ProgrammeRefused(msgspec.Struct, frozen=True, tag="refused"):
    """It will not play (again); the same code is in the answer."""

    id: Id
    code: str


class SpeakerFailed(msgspec.Struct, frozen=True, tag="fault"):
    """A speaker does not work; it is retried automatically."""

    speaker: Id
    code: str
    data: dict[str, Any] = {}


class AudioProcessFault(msgspec.Struct, frozen=True, tag="internal"):
    """A fault in the audio process that the edge `where` contained; see `gateway.faults`."""

    where: str
    what: str


class SpeakerWorks(msgspec.Struct, frozen=True, tag="well"):
    """A speaker works (again); `rung` is how far that is known."""

    speaker: Id
    rung: str


class ProgrammeHeard(msgspec.Struct, frozen=True, tag="heard"):
    """A microphone beside that speaker has heard the programme; may come after its end."""

    id: Id
    speaker: Id


class ZoneMeter(msgspec.Struct, frozen=True, tag="meter"):
    """The level of a zone: five times a second while something plays there, and once at silence."""

    zone: Id
    dbfs: float


class CapturedPcm(msgspec.Struct, frozen=True, tag="captured"):
    """20 ms from a microphone: 16 kHz, mono, 16 bit."""

    id: Id
    pcm: bytes


class CaptureEnded(msgspec.Struct, frozen=True, tag="capture_over"):
    """A microphone is closed: as asked, or because of `code`."""

    id: Id
    code: str | None = None


class ProgrammeState(msgspec.Struct, frozen=True):
    """A programme that the process holds: `ready`, `playing` or `live`, at `frame` of `frames`.

    `speakers` are those at which it plays; None: unknown.
    """

    id: Id
    state: str
    rank: int
    zones: Zones
    frame: int = 0
    frames: int = 0
    speakers: tuple[Id, ...] | None = None


class EndedProgramme(msgspec.Struct, frozen=True):
    """A programme that ended: `finished` or the reason why it was stopped.

    `speakers` and `whole` as in `ProgrammeFinished`.
    """

    id: Id
    how: str
    frames: int
    speakers: tuple[Id, ...] | None = None
    whole: tuple[Id, ...] | None = None


class SpeakerState(msgspec.Struct, frozen=True):
    """One speaker: `rung` is `unknown` before anything is known; `code` is its fault."""

    id: Id
    rung: str
    code: str | None = None
    data: dict[str, Any] = {}


class AudioState(msgspec.Struct, frozen=True, tag="is"):
    """Everything, for a gateway that (re)connects.

    `process` differs between two audio processes, `boot` between two boots of the machine.
    `late_p99_ms` is how late packets left in the last minute of sound.
    """

    n: int
    process: str
    boot: str
    realtime: bool
    late_p99_ms: float = 0.0
    programmes: tuple[ProgrammeState, ...] = ()
    ended: tuple[EndedProgramme, ...] = ()
    speakers: tuple[SpeakerState, ...] = ()


AudioEvent = (
    ProgrammeStarted | ProgrammeFinished | ProgrammeStopped | ProgrammeRefused | SpeakerFailed
    | AudioProcessFault | SpeakerWorks | ProgrammeHeard | ZoneMeter
    | CapturedPcm | CaptureEnded
)  # fmt: skip
AudioMessage = AudioAnswer | AudioState | AudioEvent

_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(AudioRequest)
_messages = msgspec.json.Decoder(AudioMessage)


def pack_message(message: AudioRequest | AudioMessage) -> bytes:
    """Encode one packet."""
    return _encoder.encode(message)


def fit_state(state: AudioState) -> AudioState:
    """Make the state fit a packet: of the oldest ended programmes the speakers are left out."""
    for known in (ENDED_MAX, 32, 8, 0):
        first = len(state.ended) - known
        ended = tuple(
            EndedProgramme(each.id, each.how, each.frames) if n < first else each
            for n, each in enumerate(state.ended)
        )
        state = msgspec.structs.replace(state, ended=ended)
        if len(pack_message(state)) <= PACKET_BYTES_MAX:
            break
    return state


def parse_request(packet: bytes) -> AudioRequest:
    """Decode the gateway's request; `msgspec.DecodeError` for anything else."""
    return _requests.decode(packet)


def parse_message(packet: bytes) -> AudioMessage:
    """Decode the audio process's message; `msgspec.DecodeError` for anything else."""
    told: AudioMessage = _messages.decode(packet)
    return told

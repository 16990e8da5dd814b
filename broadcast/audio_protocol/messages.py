"""What the gateway and `yizhan audio` say to each other: msgspec JSON, one message a packet.

The gateway sends `AudioRequest`s; each but `LivePcmCommand` is answered by one `AudioAnswer` with
its number. What
happens by itself comes as an event to everyone who is connected. Instants are CLOCK_BOOTTIME in
ns, frames are 20 ms each.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Any

import msgspec

from broadcast.audio_protocol.speaker_options import SpeakerOptions

# A SEQPACKET packet must fit the socket's buffer whole.
PACKET_BYTES_MAX = 131_072

FILES_MAX = 64
PROGRAMMES_MAX = 32
# So many more are held if they are urgent: nothing ordinary can take an emergency's place.
URGENT_MAX = 16

SPEAKERS_MAX = 256
# One second of live sound in one packet.
LIVE_BYTES_MAX = 32_000

# How many ended programmes are remembered for a gateway that comes back.
ENDED_MAX = 256

# Why a programme stops that another has taken the place of.
CUT = "cut"

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
ZONES_MAX = 200
Zones = Annotated[tuple[Id, ...], msgspec.Meta(max_length=ZONES_MAX)]


def zone_batches(zones: Collection[str]) -> Iterator[tuple[str, ...]]:
    """As many zones as one command takes, until all are named."""
    named = tuple(zones)
    for first in range(0, len(named), ZONES_MAX):
        yield named[first : first + ZONES_MAX]


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to hear: canonical WAV files (16 kHz, mono, 16 bit) in order, `repeat` times.

    `rank` is the class by number; 8 and 9 pass the volume by. `expires_ns` is CLOCK_BOOTTIME: from
    then on it neither starts nor goes on. `urgent`: no frame of it sounds twice in one boot. A
    live programme has no files.
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
    """One speaker as the process is told of it; `cap_db` bounds its level, for `near` zones."""

    id: Id
    options: SpeakerOptions
    cap_db: float | None = None


def speaker_setting(id_: str, options: SpeakerOptions, cap_db: float | None) -> SpeakerSetting:
    """Without where it stands: that is the guard's, and an older process refuses what it knows not.

    The process outlives the gateway that is upgraded.
    """
    return SpeakerSetting(id_, msgspec.structs.replace(options, stands=msgspec.UNSET), cap_db)


class PrepareCommand(msgspec.Struct, frozen=True, tag="prepare"):
    """Read the files into memory; answered when it could play at once (`data`: `frames`)."""

    programme: Programme


class PlayCommand(msgspec.Struct, frozen=True, tag="play"):
    """Sound from that frame on; answered when it has been taken, `ProgrammeStarted` follows.

    One that sounds already goes on, and sounds in `zones`, too: where it was stopped, or had not
    been meant for. In the same frame, with no gap between, it takes the place of those that it
    `replaces` (`ProgrammeStopped`, `cut`). Of one that goes on for a process that died, only the
    speakers `had` have had all that came before; None: nobody lacks it.
    """

    id: Id
    start: Annotated[int, msgspec.Meta(ge=0)] = 0
    zones: Zones = ()
    replaces: Annotated[tuple[Id, ...], msgspec.Meta(max_length=PROGRAMMES_MAX)] = ()
    had: Annotated[tuple[Id, ...], msgspec.Meta(max_length=SPEAKERS_MAX)] | None = None


class StopPlayingCommand(msgspec.Struct, frozen=True, tag="stop"):
    """Stop one programme, or whatever sounds in the zones; both given: that one in those zones.

    `why` comes back in `ProgrammeStopped`. A prepared programme that did not play is forgotten;
    with zones given too, it will not sound there.
    """

    id: Id | None = None
    zones: Zones = ()
    why: str = "stopped"


class LevelCommand(msgspec.Struct, frozen=True, tag="level"):
    """Duck (-15) or restore (0) one programme where it sounds in that zone, fading 50 ms."""

    id: Id
    zone: Id
    db: Annotated[float, msgspec.Meta(ge=-60, le=0)]


class LiveOpenCommand(msgspec.Struct, frozen=True, tag="live_open"):
    """Open a programme that is fed as it goes; it sounds from its first 40 ms on."""

    programme: Programme


class LivePcmCommand(msgspec.Struct, frozen=True, tag="live"):
    """Feed it: 16 kHz, mono, 16 bit. Not answered; what does not fit any more is dropped."""

    id: Id
    pcm: Annotated[bytes, msgspec.Meta(max_length=LIVE_BYTES_MAX)]


class LiveEndCommand(msgspec.Struct, frozen=True, tag="live_end"):
    """No more comes; what was fed is played to its end."""

    id: Id


class CaptureCommand(msgspec.Struct, frozen=True, tag="capture"):
    """Open a microphone of this machine: `CapturedPcm` follows to the asker, then `CaptureEnded`.

    `device` is ALSA's name; the default one without.
    """

    id: Id
    device: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class CaptureEndCommand(msgspec.Struct, frozen=True, tag="capture_end"):
    """Close it."""

    id: Id


class StateQuery(msgspec.Struct, frozen=True, tag="state"):
    """Answered by a `AudioState`."""


class SpeakersCommand(msgspec.Struct, frozen=True, tag="sinks"):
    """These are the speakers from now on; the unchanged ones play on."""

    speakers: Annotated[tuple[SpeakerSetting, ...], msgspec.Meta(max_length=SPEAKERS_MAX)]


class SelfTestCommand(msgspec.Struct, frozen=True, tag="self_test"):
    """Find out how far up the ladder each speaker gets; `SpeakerWorks` or `SpeakerFailed` follow.

    With `chime` (a WAV file) speakers that have a microphone sound it and listen.
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
    """Its first packet left at `at_ns`, from frame `start`, to those speakers (maybe none)."""

    id: Id
    at_ns: int
    start: int = 0
    speakers: tuple[Id, ...] = ()


class ProgrammeFinished(msgspec.Struct, frozen=True, tag="finished"):
    """It was played to its own end; `frames` is its position then.

    `speakers` took some of it while they worked; at the `whole` ones not more than two seconds are
    missing. None: nobody knows.
    """

    id: Id
    frames: int
    speakers: tuple[Id, ...] | None = None
    whole: tuple[Id, ...] | None = None


class ProgrammeStopped(msgspec.Struct, frozen=True, tag="stopped"):
    """It was stopped before its end: `why` of the stop, `expired`, or `lost` with the process.

    `speakers` took some of it; None: nobody knows.
    """

    id: Id
    why: str
    frames: int = 0
    speakers: tuple[Id, ...] | None = None


class ProgrammeRefused(msgspec.Struct, frozen=True, tag="refused"):
    """It will not sound (again); the same code is in the answer."""

    id: Id
    code: str


class SpeakerFailed(msgspec.Struct, frozen=True, tag="fault"):
    """A speaker does not work; it is tried again by itself."""

    speaker: Id
    code: str
    data: dict[str, Any] = {}


class AudioProcessFault(msgspec.Struct, frozen=True, tag="internal"):
    """A mistake of the audio process's own that the edge `where` contained; as `gateway.faults`."""

    where: str
    what: str


class SpeakerWorks(msgspec.Struct, frozen=True, tag="well"):
    """A speaker works (again); `rung` is how far up the ladder that is known."""

    speaker: Id
    rung: str


class ProgrammeHeard(msgspec.Struct, frozen=True, tag="heard"):
    """A microphone beside that speaker has heard the programme; may come after its end."""

    id: Id
    speaker: Id


class ZoneMeter(msgspec.Struct, frozen=True, tag="meter"):
    """How loud a zone is, five times a second while something sounds there, and once at silence."""

    zone: Id
    dbfs: float


class CapturedPcm(msgspec.Struct, frozen=True, tag="captured"):
    """20 ms of what a microphone hears: 16 kHz, mono, 16 bit."""

    id: Id
    pcm: bytes


class CaptureEnded(msgspec.Struct, frozen=True, tag="capture_over"):
    """A microphone is closed: as it was asked, or because of `code`."""

    id: Id
    code: str | None = None


class ProgrammeState(msgspec.Struct, frozen=True):
    """A programme that the process holds: `ready`, `playing` or `live`, `frame` of `frames`.

    `speakers` are those at which it sounds; None: nobody knows.
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
    """One packet."""
    return _encoder.encode(message)


def fit_state(state: AudioState) -> AudioState:
    """The state as it fits a packet: of what ended longest ago, who took it is left out."""
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
    """What the gateway asks; `msgspec.DecodeError` for anything else."""
    return _requests.decode(packet)


def parse_message(packet: bytes) -> AudioMessage:
    """What the audio process says; `msgspec.DecodeError` for anything else."""
    told: AudioMessage = _messages.decode(packet)
    return told

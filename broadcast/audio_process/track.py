"""One programme in the mixer: its position, and its level at each speaker. Pure."""

from collections.abc import Iterable, Mapping

from broadcast.audio_process.sources import FrameSource, LiveSource
from broadcast.audio_protocol.messages import Programme, ProgrammeState, SpeakerSetting
from broadcast.audio_protocol.pcm import FADE_IN_SAMPLES, FADE_SAMPLES, FRAME_NS, Fader, db_factor

# From this class on the volume is ignored: what staff turned down must still be heard.
EMERGENCY = 8

# Its 50 ms, and the 20 ms that its last packet lasts.
FADE_NS = 4 * FRAME_NS

# A speaker that comes two seconds late has had it whole: a card that wakes slowly.
#
# An emergency begins with 8 s of siren, so no word of it is lost to that.
MISSED_FRAMES_MAX = 100


def speaker_zones(speaker: SpeakerSetting) -> frozenset[str]:
    """The zones of a speaker, and one that is its own."""
    return frozenset((*speaker.options.zones, f"speaker:{speaker.id}"))


class MixerTrack:
    """A programme with its source; it plays once `playing` is true.

    `had` are the speakers that had it up to `start` from a process that died; None: every speaker
    has. `drained` counts frames since all was given while a speaker has not played it to the end.
    """

    def __init__(self, programme: Programme, source: FrameSource) -> None:
        self.programme = programme
        self.source = source
        self.playing = False
        self.announced = False
        self.why: str | None = None
        self.start = 0
        self.position = 0
        self.drained = 0
        self.had: tuple[str, ...] | None = None
        self.faders: dict[str, Fader] = {}
        self.zones = frozenset(programme.zones)
        self._levels: dict[str, float] = {}
        self._barred: set[str] = set()
        self._joined: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._failed: set[str] = set()

    @property
    def live(self) -> bool:
        """Whether it is fed while it plays."""
        return isinstance(self.source, LiveSource)

    @property
    def stopping(self) -> bool:
        """Whether it is being faded out everywhere."""
        return self.why is not None

    def expired(self, now_ns: int) -> bool:
        """Whether it must be gone: a fade ends before the time is up, not after."""
        expires_ns = self.programme.expires_ns
        if expires_ns is None:
            return False
        return now_ns + (FADE_NS if self.playing else 0) >= expires_ns

    def play(self, start: int, speakers: Iterable[SpeakerSetting]) -> None:
        """Play from that frame on: from its beginning at once, from its middle with a fade."""
        self.playing = True
        self.start = self.position = start
        for speaker in speakers:
            self.join(speaker, soft=start > 0 or self.live)

    def join(self, speaker: SpeakerSetting, *, soft: bool) -> None:
        """Add a speaker if one of its zones is addressed and it was not stopped there."""
        if speaker.id not in self._barred and self._meant(speaker):
            self._joined.setdefault(speaker.id, self.position)
            self._returned(speaker.id)
            goal = self._goal(speaker)
            self.faders[speaker.id] = (
                Fader(0.0, goal, FADE_IN_SAMPLES) if soft else Fader(goal, goal)
            )

    def set_level(self, zone: str, db: float, speakers: Iterable[SpeakerSetting]) -> None:
        """Duck or restore where that zone hears it."""
        self._levels[zone] = db
        self.balance(speakers)

    def balance(self, speakers: Iterable[SpeakerSetting]) -> None:
        """Fade to the right level everywhere, after a setting has changed."""
        for speaker in speakers:
            fader = self.faders.get(speaker.id)
            if fader is not None and fader.goal != 0:
                self.faders[speaker.id] = fader.toward(self._goal(speaker), FADE_SAMPLES)

    def rejoin(self, speaker: SpeakerSetting) -> None:
        """Play there, too: where it was stopped, or was not addressed."""
        self.zones |= {f"speaker:{speaker.id}"}
        self._barred.discard(speaker.id)
        self._returned(speaker.id)
        fader = self.faders.get(speaker.id)
        if fader is None:
            self.join(speaker, soft=True)
        elif self._meant(speaker):
            self.faders[speaker.id] = fader.toward(self._goal(speaker), FADE_SAMPLES)

    def leave(self, speaker_ids: Iterable[str]) -> None:
        """Fade out at these speakers, and stay away."""
        for id_ in speaker_ids:
            self._barred.add(id_)
            if fader := self.faders.get(id_):
                self._left.setdefault(id_, self.position)
                self.faders[id_] = fader.toward(0.0, FADE_SAMPLES)

    def drop(self, speaker_id: str) -> None:
        """Forget a speaker that is gone, or gone from its zones."""
        if self.faders.pop(speaker_id, None) is not None:
            self._left.setdefault(speaker_id, self.position)

    def mark_missing(self, broken: Mapping[str, bool]) -> None:
        """Note that the current frame does not reach these; True: nor did those before."""
        for id_, untaken in broken.items():
            if id_ in self.faders:
                took = self.position - self._joined[id_]
                missed = self._missed.get(id_, 0)
                if missed < took:
                    self._failed.add(id_)
                self._missed[id_] = (took if untaken else missed) + 1

    @property
    def reached(self) -> tuple[str, ...]:
        """The speakers that took some of it."""
        took = self._took()
        return (*took, *(id_ for id_ in self.had or () if id_ not in took))

    @property
    def whole(self) -> tuple[str, ...]:
        """The speakers that took all of it, from its start to its position."""
        return tuple(
            id_
            for id_ in self._took()
            if (self.had is None or id_ in self.had)
            and id_ not in self._left
            and id_ not in self._failed
            and self._joined[id_] - self.start + self._missed.get(id_, 0) <= MISSED_FRAMES_MAX
        )

    def _took(self) -> tuple[str, ...]:
        return tuple(
            id_
            for id_, since in self._joined.items()
            if self._missed.get(id_, 0) < self._left.get(id_, self.position) - since
        )

    def stop(self, why: str) -> None:
        """Fade out everywhere."""
        self.why = self.why or why
        self.leave(list(self.faders))

    @property
    def left_alone(self) -> bool:
        """Whether no speaker is left that keeps it."""
        return all(fader.goal == 0 for fader in self.faders.values())

    def advance(self) -> None:
        """Go one frame further."""
        self.position += 1
        faders = ((id_, fader.after()) for id_, fader in self.faders.items())
        self.faders = {id_: fader for id_, fader in faders if not fader.gone}

    def sounding(self) -> ProgrammeState:
        """Its state for the gateway."""
        state = "live" if self.live else "playing" if self.playing else "ready"
        programme = self.programme
        heard = tuple(id_ for id_, fader in self.faders.items() if fader.goal != 0)
        return ProgrammeState(
            programme.id,
            state,
            programme.rank,
            programme.zones,
            self.position,
            self.source.frames,
            heard if self.playing else None,
        )

    def _returned(self, speaker_id: str) -> None:
        """Note that a speaker lacks what was played while it was away."""
        away = self.position - self._left.pop(speaker_id, self.position)
        if away:
            self._missed[speaker_id] = self._missed.get(speaker_id, 0) + away

    def _meant(self, speaker: SpeakerSetting) -> bool:
        return not speaker_zones(speaker).isdisjoint(self.zones)

    def _goal(self, speaker: SpeakerSetting) -> float:
        ducked = min((self._levels.get(zone, 0.0) for zone in speaker_zones(speaker)), default=0.0)
        db = self.programme.gain_db + ducked
        if self.programme.rank < EMERGENCY:
            db += speaker.options.volume_db
        return db_factor(db if speaker.cap_db is None else min(db, speaker.cap_db))

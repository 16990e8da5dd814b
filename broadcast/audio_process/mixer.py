"""The mixer: which programme plays where and how loud, frame by frame. Pure: time is given."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from broadcast.audio_process.played_ledger import PlayedLedger
from broadcast.audio_process.sources import FrameSource, LiveSource
from broadcast.audio_process.track import MixerTrack, speaker_zones
from broadcast.audio_protocol.messages import (
    CUT,
    ENDED_MAX,
    PROGRAMMES_MAX,
    URGENT_MAX,
    AudioEvent,
    EndedProgramme,
    Programme,
    ProgrammeFinished,
    ProgrammeStarted,
    ProgrammeState,
    ProgrammeStopped,
    SpeakerSetting,
    ZoneMeter,
)
from broadcast.audio_protocol.pcm import FRAME_BYTES, Fader, dbfs, mix_frames
from gateway.errors import CommandRefused
from gateway.faults import OnFault, log_fault

MEMORY_BYTES_MAX = 64 * 1024 * 1024
# Added for urgent programmes: the longest recording, and siren and words of several orders.
URGENT_BYTES_MAX = 24 * 1024 * 1024

METER_FRAMES = 10
# A speaker that is 15 s behind does not get to the end: the programme is over without it.
DRAINED_FRAMES_MAX = 750


class MixedFrame(NamedTuple):
    """One frame, the highest rank of what is in it, and the speakers that get it."""

    frame: bytes
    rank: int
    speakers: tuple[str, ...]


_Key = tuple[tuple[str, Fader], ...]


class Mixer:
    """Everything that plays or could. Refusals are raised as CommandRefused."""

    def __init__(
        self,
        ledger: PlayedLedger | None = None,
        on_fault: OnFault = log_fault,
        behind: Callable[[Iterable[str]], bool] = lambda _: False,
        broken: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        """`behind` tells whether any of those speakers has frames left to play.

        `broken` gives the speakers that do not work now: what is sent there does not arrive. Its
        value is True if their session was not answered, so that what was sent before did not arrive
        either.
        """
        self._on_fault = on_fault
        self._behind = behind
        self._broken = broken
        self._cut: set[str] = set()
        self._ledger = ledger or PlayedLedger()
        self._speakers: dict[str, SpeakerSetting] = {}
        self._tracks: dict[str, MixerTrack] = {}
        self._ended: deque[EndedProgramme] = deque(maxlen=ENDED_MAX)
        self._events: list[AudioEvent] = []
        self._loudness: dict[str, float] = {}
        self._ticks = 0

    @property
    def silent(self) -> bool:
        """Whether no clock is needed just now."""
        return not self._loudness and not any(track.playing for track in self._tracks.values())

    @property
    def urgent(self) -> bool:
        """Whether something urgent plays."""
        return any(track.programme.urgent for track in self._playing())

    def is_sounding(self, speaker: str, besides: str) -> bool:
        """Whether another programme than `besides` plays at that speaker."""
        return any(
            speaker in track.faders and track.programme.id != besides for track in self._playing()
        )

    @property
    def zones(self) -> frozenset[str]:
        """Every zone that has a speaker."""
        return frozenset(z for s in self._speakers.values() for z in speaker_zones(s))

    def programmes(self) -> tuple[ProgrammeState, ...]:
        """The programmes that are held."""
        return tuple(track.sounding() for track in self._tracks.values())

    def source_of(self, id_: str) -> FrameSource | None:
        """Where its frames come from, while it is held."""
        track = self._tracks.get(id_)
        return None if track is None else track.source

    def ended(self) -> tuple[EndedProgramme, ...]:
        """Programmes that ended lately."""
        return tuple(self._ended)

    def take_events(self) -> list[AudioEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def take_cuts(self) -> set[str]:
        """The speakers at which something was stopped since the last call."""
        cut, self._cut = self._cut, set()
        return cut

    def set_speakers(self, settings: Iterable[SpeakerSetting]) -> None:
        """Set the speakers; what plays continues in them, and begins in new ones."""
        before, self._speakers = self._speakers, {each.id: each for each in settings}
        for track in self._playing():
            for id_ in set(track.faders) - set(self._speakers):
                track.drop(id_)
                self._cut.add(id_)
            for id_, speaker in self._speakers.items():
                if id_ not in before or speaker_zones(before[id_]) != speaker_zones(speaker):
                    track.drop(id_)
                    track.join(speaker, soft=True)
            track.balance(self._speakers.values())

    def prepare(self, programme: Programme, source: FrameSource, now_ns: int) -> int:
        """Hold a programme ready, in place of one with its id; returns its number of frames."""
        held = self._tracks.get(programme.id)
        if held is not None and held.playing:
            raise CommandRefused("audio.in-use", id=programme.id)
        others = [track for id_, track in self._tracks.items() if id_ != programme.id]
        most, room = PROGRAMMES_MAX, MEMORY_BYTES_MAX
        if programme.urgent:
            most, room = most + URGENT_MAX, room + URGENT_BYTES_MAX
        needed = _memory([source, *(track.source for track in others)])
        if len(others) >= most or needed > room:
            raise CommandRefused("audio.full", max=most)
        track = MixerTrack(programme, source)
        if track.expired(now_ns):
            raise CommandRefused("audio.expired")
        self._tracks[programme.id] = track
        return source.frames

    def play(
        self,
        id_: str,
        start: int,
        now_ns: int,
        *,
        zones: Collection[str] = (),
        replaces: Collection[str] = (),
        had: Collection[str] | None = None,
    ) -> None:
        """Play from the next frame on; what plays already continues, and is added to `zones`.

        `had` are the speakers that have had all before `start`; None: every speaker has.
        """
        track = self._track(id_)
        if track.playing:
            for speaker in self._within(zones):
                track.rejoin(speaker)
        else:
            self._begin(track, start, now_ns)
            track.had = None if had is None else tuple(had)
        for other in replaces:
            if other != id_ and other in self._tracks:
                self._halt(self._tracks[other], CUT)

    def _begin(self, track: MixerTrack, start: int, now_ns: int) -> None:
        id_ = track.programme.id
        if track.expired(now_ns):
            raise CommandRefused("audio.expired")
        if track.programme.urgent and not self._ledger.allows(id_, start):
            del self._tracks[id_]
            raise CommandRefused("audio.played", id=id_)
        track.play(start, self._speakers.values())

    def _within(self, zones: Collection[str]) -> list[SpeakerSetting]:
        return [s for s in self._speakers.values() if not speaker_zones(s).isdisjoint(zones)]

    def stop(self, id_: str | None, zones: Sequence[str], why: str) -> None:
        """Stop one programme, or whatever plays in the zones."""
        if not zones:
            if id_ is not None:
                self._halt(self._track(id_), why)
            return
        inside = [speaker.id for speaker in self._within(zones)]
        for track in list(self._tracks.values()):
            if id_ == track.programme.id and not track.playing:
                track.leave(inside)
            elif id_ in (None, track.programme.id) and track.playing:
                meant = not track.zones.isdisjoint(zones)
                self._cut.update(set(inside) & track.faders.keys())
                track.leave(inside)
                if track.left_alone and (track.faders or meant):
                    self._halt(track, why)

    def set_level(self, id_: str, zone: str, db: float) -> None:
        """Duck or restore."""
        self._track(id_).set_level(zone, db, self._speakers.values())

    def open_live(self, programme: Programme, now_ns: int) -> None:
        """Wait for live sound."""
        self.prepare(programme, LiveSource(), now_ns)
        self.play(programme.id, 0, now_ns)

    def feed_live(self, id_: str, pcm: bytes) -> None:
        self._feed(id_).put(pcm)

    def end_live(self, id_: str) -> None:
        """Let it run out."""
        self._feed(id_).end()

    def tick(self, now_ns: int) -> list[MixedFrame]:
        """Mix the next 20 ms: each distinct mix once, with the speakers that get it."""
        self._expire(now_ns)
        broken = self._broken()
        for track in self._playing() if broken else ():
            if track.drained:
                track.mark_missing(broken)
        frames = {track.programme.id: frame for track, frame in self._frames(now_ns)}
        groups: dict[_Key, list[str]] = {}
        for speaker in self._speakers:
            key = tuple(
                (id_, fader)
                for id_ in frames
                if (fader := self._tracks[id_].faders.get(speaker)) is not None
            )
            if key:
                groups.setdefault(key, []).append(speaker)
        mixes = list(self._mixes(groups, frames))
        for id_ in frames if broken else ():
            self._tracks[id_].mark_missing(broken)
        self._advance(frames)
        self._measure(mixes)
        return mixes

    def _frames(self, now_ns: int) -> list[tuple[MixerTrack, bytes]]:
        found = []
        for track in self._playing():
            try:
                frame = self._frame(track, now_ns)
            except Exception as error:  # noqa: BLE001 - the edge: one programme's mistake ends it alone
                self._on_fault("programme", error)
                self._end(track, "failed")
                continue
            if frame is not None:
                found.append((track, frame))
        return found

    def _frame(self, track: MixerTrack, now_ns: int) -> bytes | None:
        """Its next frame, if it has one to play now."""
        if self._still_waiting(track):
            return None
        frame = None if track.drained else track.source.frame(track.position)
        if frame is None:
            track.drained += 1
            if track.drained > DRAINED_FRAMES_MAX or not self._behind(track.faders):
                self._end(track, "finished")
            return None
        if len(frame) != FRAME_BYTES:
            raise ValueError(f"a frame of {len(frame)} bytes")
        self._announce(track, now_ns)
        return frame

    def _still_waiting(self, track: MixerTrack) -> bool:
        """Whether live sound has not begun yet; it may wait, but not for ever."""
        source = track.source
        if not isinstance(source, LiveSource) or track.announced or source.started:
            return False
        source.frame(0)
        if source.starved or track.stopping:
            self._end(track, track.why or "starved")
        return True

    def _announce(self, track: MixerTrack, now_ns: int) -> None:
        programme = track.programme
        if programme.urgent:
            self._ledger.record(programme.id, track.position + 1, programme.expires_ns, now_ns)
        if not track.announced:
            track.announced = True
            heard = tuple(track.faders)
            self._events.append(ProgrammeStarted(programme.id, now_ns, track.start, heard))

    def _mixes(
        self, groups: dict[_Key, list[str]], frames: dict[str, bytes]
    ) -> Iterator[MixedFrame]:
        for key, ids in groups.items():
            try:
                yield self._mix(key, frames, tuple(ids))
            except Exception as error:  # noqa: BLE001 - the edge: the speakers of other mixes go on
                self._on_fault("mix", error)

    def _mix(self, key: _Key, frames: dict[str, bytes], speakers: tuple[str, ...]) -> MixedFrame:
        frame = mix_frames([fader.frame(frames[id_]) for id_, fader in key])
        staying = [id_ for id_, fader in key if fader.goal != 0] or [id_ for id_, _ in key]
        return MixedFrame(frame, max(self._tracks[i].programme.rank for i in staying), speakers)

    def _advance(self, frames: dict[str, bytes]) -> None:
        for id_ in frames:
            track = self._tracks[id_]
            track.advance()
            if track.stopping and not track.faders:
                self._end(track, track.why or "stopped")
            elif isinstance(track.source, LiveSource) and track.source.starved:
                track.stop("starved")

    def _expire(self, now_ns: int) -> None:
        for track in list(self._tracks.values()):
            if track.expired(now_ns) and track.drained:
                self._cut.update(track.faders)
                self._end(track, "finished")
            elif track.expired(now_ns):
                self._halt(track, "expired")

    def _halt(self, track: MixerTrack, why: str) -> None:
        self._cut.update(track.faders)
        track.stop(why)
        if not track.playing or not track.faders or track.drained:
            self._end(track, track.why or why)

    def _end(self, track: MixerTrack, how: str) -> None:
        id_ = track.programme.id
        if self._tracks.pop(id_, None) is None:
            return
        reached, whole = track.reached, track.whole
        self._ended.append(EndedProgramme(id_, how, track.position, reached, whole))
        if how == "finished" and not track.stopping:
            self._events.append(ProgrammeFinished(id_, track.position, reached, whole))
        else:
            self._events.append(ProgrammeStopped(id_, track.why or how, track.position, reached))

    def _measure(self, mixes: Sequence[MixedFrame]) -> None:
        """Update meters five times a second; a zone that fell silent is reported once."""
        self._ticks += 1
        if self._ticks % METER_FRAMES and mixes:
            return
        loudness: dict[str, float] = {}
        for mix in mixes:
            level = round(dbfs(mix.frame), 1)
            for speaker in mix.speakers:
                for zone in self._speakers[speaker].options.zones:
                    loudness[zone] = max(level, loudness.get(zone, level))
        for zone in self._loudness.keys() - loudness.keys():
            self._events.append(ZoneMeter(zone, dbfs(b"")))
        self._events += [ZoneMeter(zone, level) for zone, level in loudness.items()]
        self._loudness = loudness

    def _playing(self) -> list[MixerTrack]:
        return [track for track in self._tracks.values() if track.playing]

    def _track(self, id_: str) -> MixerTrack:
        if id_ not in self._tracks:
            raise CommandRefused("audio.unknown", id=id_)
        return self._tracks[id_]

    def _feed(self, id_: str) -> LiveSource:
        source = self._track(id_).source
        if not isinstance(source, LiveSource):
            raise CommandRefused("audio.not-live", id=id_)
        return source


def _memory(sources: Iterable[FrameSource]) -> int:
    """Bytes of all sources; files that several of them play are in memory once."""
    reels: dict[int, int] = {}
    for source in sources:
        reels.update(source.reels)
    return sum(reels.values())

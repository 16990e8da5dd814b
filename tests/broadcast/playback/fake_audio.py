"""What surrounds the orders in tests: the audio process as its contract has it, a world with true
time, a studio that makes sounds of given length.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import Programme
from broadcast.material.sequence import RenderedOrder, SequencePart
from broadcast.order import LiveContent, Order
from broadcast.playback.service import BroadcastService
from broadcast.policy.guard import ZoneMap
from broadcast.policy.quiet_hours import S
from gateway.clock import Clock, NtpSync
from gateway.clock.time_sample import EARLIEST_NS
from gateway.errors import CommandRefused, Unavailable
from gateway.journal import Journal
from gateway.journal.core import JournalCore
from gateway.journal.writer import InlineShell
from tests.broadcast.policy.zones import HOUSE
from tests.sim.journal import SMALL, STATION

FRAME_NS = 20_000_000


class Heard(NamedTuple):
    """One stretch of sound as the community heard it; instants are the loop's, in s.

    `took` are the loudspeakers that took some of it, `whole` those that took all of it.
    """

    programme: Programme
    boot: int
    began_s: float
    ended_s: float
    began_ns: int
    how: str
    took: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()


class Voice(NamedTuple):
    """What one loudspeaker sounded; `took`: it worked."""

    speaker: str
    programme: Programme
    began_s: float
    ended_s: float


class _Playing(NamedTuple):
    """`at` are the loudspeakers where it sounds now, with the instant since when it does.

    It `lacks` those that came late, failed or left.
    """

    programme: Programme
    began_s: float
    began_ns: int
    ends: asyncio.TimerHandle
    at: dict[str, float]
    took: set[str]
    lacks: set[str]


class FakeEngine:
    """The audio process: it outlives gateways, remembers urgent ids, keeps to expiries.

    `lag_s` passes before each answer, `reads_s` more before something is prepared. A programme
    reaches the loudspeakers of its zones but for those that are `broken`; `full` it takes no more.
    A horn that is `ringing` works while it is called, and took nothing. As with the real one,
    nobody's word is taken before it has said what it plays: see `World.start`.
    """

    def __init__(self, world: "World", seconds: Callable[[Programme], float]) -> None:
        self.heard: list[Heard] = []
        self.voices: list[Voice] = []
        self.levels: list[tuple[str, str, float]] = []
        self.fed: list[bytes] = []
        self.lag_s = 0.01
        self.reads_s = 0.0
        self.away = False
        self.full = False
        self.refused: set[str] = set()
        self.broken: set[str] = set()
        self.ringing: set[str] = set()
        self.settled = asyncio.Event()
        self.settled.set()
        self._world = world
        self._seconds = seconds
        self._listeners: list[Callable[[messages.AudioEvent], None]] = []
        self._ready: dict[str, Programme] = {}
        self._barred: dict[str, set[str]] = {}
        self._playing: dict[str, _Playing] = {}
        self._ended: dict[str, messages.EndedProgramme] = {}
        self._played: set[str] = set()

    def add_listener(self, listener: Callable[[messages.AudioEvent], None]) -> None:
        self._listeners.append(listener)

    def deafen(self) -> None:
        """The gateway was killed."""
        self._listeners.clear()

    def reboot(self) -> None:
        """The power was cut."""
        for name in list(self._playing):
            self._end(name, "power")
        self._ready.clear()
        self._barred.clear()
        self._ended.clear()
        self._played.clear()

    def breaks(self, speaker: str) -> None:
        """From now on that loudspeaker takes nothing."""
        self.broken.add(speaker)
        for one in self._playing.values():
            if speaker in one.at:
                self._voice(one, speaker)
                one.at[speaker] = math.inf
                one.lacks.add(speaker)
        self._tell(messages.SpeakerFailed(speaker, "speaker.failed"))

    def mends(self, speaker: str) -> None:
        """It works again, in the middle of what sounds there."""
        self.broken.discard(speaker)
        for one in self._playing.values():
            if speaker in one.at:
                one.at[speaker] = self._now()
                one.took.add(speaker)
        self._tell(messages.SpeakerWorks(speaker, "sent"))

    async def prepare(self, programme: Programme) -> int:
        _wired(messages.PrepareCommand(programme))
        await self._answer()
        await asyncio.sleep(self.reads_s)
        if programme.id in self.refused:
            raise CommandRefused("audio.bad-file")
        if self.full:
            raise CommandRefused("audio.full")
        if programme.id in self._playing:
            raise CommandRefused("audio.in-use")
        if programme.urgent and programme.id in self._played:
            raise CommandRefused("audio.played")
        self._ready[programme.id] = programme
        self._barred.pop(programme.id, None)
        return round(self._seconds(programme) / 0.02)

    async def play(self, id_: str, start: int = 0, *, zones: Any = (), replaces: Any = ()) -> None:
        _wired(messages.PlayCommand(id_, start, tuple(zones), tuple(replaces)))
        await self._answer()
        if id_ in self._playing:
            self._join(self._playing[id_], self._speakers(zones))
        elif id_ not in self._ready:
            raise CommandRefused("audio.unknown")
        else:
            self._begin(self._ready.pop(id_), start)
        for other in replaces:
            self._end(other, "cut")

    async def open_live(self, programme: Programme) -> None:
        _wired(messages.LiveOpenCommand(programme))
        await self._answer()
        self._begin(programme, 0)

    async def feed_live(self, id_: str, pcm: bytes) -> None:
        self.fed.append(pcm)

    async def end_live(self, id_: str) -> None:
        await self._answer()
        self._end(id_, "finished")

    async def stop(self, id_: str | None = None, zones: Any = (), why: str = "stopped") -> None:
        _wired(messages.StopPlayingCommand(id_, tuple(zones), why))
        await self._answer()
        assert id_ is not None
        if not zones:
            self._ready.pop(id_, None)
            self._end(id_, why)
            return
        where = self._speakers(zones)
        if id_ in self._ready:
            self._barred.setdefault(id_, set()).update(where)
        elif (one := self._playing.get(id_)) is not None:
            for speaker in where & one.at.keys():
                self._voice(one, speaker)
                del one.at[speaker]
                one.lacks.add(speaker)
            if not one.at:
                self._end(id_, why)

    async def set_level(self, id_: str, zone: str, db: float) -> None:
        await self._answer()
        if id_ not in self._playing and id_ not in self._ready:
            raise CommandRefused("audio.unknown", id=id_)
        self.levels.append((id_, zone, db))

    async def fetch_state(self) -> messages.AudioState:
        await self._answer(asked=True)
        programmes = [
            messages.ProgrammeState(
                one.programme.id, "playing", one.programme.rank, one.programme.zones,
                speakers=tuple(one.at),
            )
            for one in self._playing.values()
        ]  # fmt: skip
        programmes += [
            messages.ProgrammeState(p.id, "ready", p.rank, p.zones) for p in self._ready.values()
        ]
        return messages.AudioState(
            n=0,
            process="p",
            boot="b",
            realtime=True,
            programmes=tuple(programmes),
            ended=tuple(self._ended.values()),
            speakers=tuple(self._states()),
        )

    @property
    def sounding(self) -> set[str]:
        return set(self._playing)

    def sounds_at(self, speaker: str) -> set[str]:
        """What that loudspeaker sounds."""
        return {name for name, one in self._playing.items() if speaker in one.at}

    def _states(self) -> Iterator[messages.SpeakerState]:
        for speaker in sorted(self._house.speakers(self._house.zones)):
            fault = "speaker.failed" if speaker in self.broken else None
            yield messages.SpeakerState(speaker, "unknown" if fault else "sent", fault)

    def _speakers(self, zones: Any) -> frozenset[str]:
        own = (zone.removeprefix("speaker:") for zone in zones if zone.startswith("speaker:"))
        return self._house.speakers(zones).union(own)

    @property
    def _house(self) -> ZoneMap:
        house: ZoneMap = getattr(self._world, "house", HOUSE)
        return house

    async def _answer(self, *, asked: bool = False) -> None:
        if self.away:
            raise Unavailable("audio.away")
        if not asked:
            await self.settled.wait()
        await asyncio.sleep(self.lag_s)

    def _begin(self, programme: Programme, start: int) -> None:
        now_ns = self._world.clock.now_ns()
        if programme.expires_ns is not None and now_ns >= programme.expires_ns:
            raise CommandRefused("audio.expired")
        if programme.urgent and programme.id in self._played:
            raise CommandRefused("audio.played")
        self._played.add(programme.id)
        lasts_s = self._seconds(programme) - start * 0.02
        how = "finished"
        if programme.expires_ns is not None and now_ns + lasts_s * S > programme.expires_ns:
            lasts_s, how = (programme.expires_ns - now_ns) / S, "expired"
        loop = asyncio.get_running_loop()
        ends = loop.call_later(lasts_s, self._end, programme.id, how)
        where = self._speakers(programme.zones) - self._barred.pop(programme.id, set())
        works = where - self.broken
        one = _Playing(
            programme, loop.time(), now_ns, ends,
            {each: loop.time() if each in works else math.inf for each in sorted(where)},
            set(works), set(where - works),
        )  # fmt: skip
        self._playing[programme.id] = one
        self._tell(messages.ProgrammeStarted(programme.id, now_ns, start, tuple(sorted(works))))

    def _join(self, one: _Playing, where: frozenset[str]) -> None:
        for speaker in where - one.at.keys():
            one.at[speaker] = math.inf if speaker in self.broken else self._now()
            one.took.update({speaker} - self.broken)

    def _end(self, name: str, how: str) -> None:
        one = self._playing.pop(name, None)
        if one is None:
            return
        one.ends.cancel()
        now_s = self._now()
        for speaker in one.at:
            self._voice(one, speaker)
        took = frozenset(one.took - self.ringing)
        whole = took - one.lacks
        self.heard.append(
            Heard(
                one.programme, self._world.boots, one.began_s, now_s, one.began_ns, how, took,
                whole if how == "finished" else frozenset(),
            )
        )  # fmt: skip
        frames = round((now_s - one.began_s) / 0.02)
        said = tuple(sorted(took)), tuple(sorted(whole))
        self._ended[name] = messages.EndedProgramme(name, how, frames, *said)
        if how == "finished":
            self._tell(messages.ProgrammeFinished(name, frames, *said))
        else:
            self._tell(messages.ProgrammeStopped(name, how, frames, said[0]))

    def _voice(self, one: _Playing, speaker: str) -> None:
        if one.at[speaker] < self._now():
            self.voices.append(Voice(speaker, one.programme, one.at[speaker], self._now()))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _tell(self, event: messages.AudioEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _wired(command: messages.AudioCommand) -> None:
    """The real one takes no other."""
    messages.parse_request(messages.pack_message(messages.AudioRequest(1, command)))


class Board:
    """One boot of the machine: its crystal drifts, and nothing tells it the time."""

    def __init__(self, drift_ppm: float) -> None:
        self._began_s = asyncio.get_running_loop().time()
        self._rate = 1 + drift_ppm / 1e6

    def boottime_ns(self) -> int:
        lived_s = asyncio.get_running_loop().time() - self._began_s
        return 5 * S + round(lived_s * self._rate * S)

    def realtime_ns(self) -> int:
        return self.boottime_ns()

    def ntp(self) -> NtpSync | None:
        return None

    def chip_ns(self) -> None:
        return None


class FakeStudio:
    """Makes any order of the length that was asked for; a microphone of none."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.fails: set[str] = set()
        self.makes_s = 0.05

    async def make(self, order: Order) -> RenderedOrder:
        await asyncio.sleep(self.makes_s)
        if order.id in self.fails:
            raise Unavailable("voice.no-engine")
        if isinstance(order.content, LiveContent):
            return RenderedOrder()
        return RenderedOrder(
            (SequencePart(f"{order.id}.wav", self.seconds.get(order.id, 10.0)),), ("sha",)
        )

    async def siren(self, order: Order) -> RenderedOrder:
        return RenderedOrder((SequencePart("siren.wav", 8.0),), ("siren",), siren=True)


class World:
    """True time, one gateway at a time, the journal and the audio process that outlive it."""

    def __init__(self, true_ns: int, drift_ppm: float = 0.0, house: ZoneMap = HOUSE) -> None:
        self.boots = 0
        self.house = house
        self.studio = FakeStudio()
        self._true_ns = true_ns
        self._drift_ppm = drift_ppm
        self._since_s = asyncio.get_running_loop().time()
        self.clock = self._clock(EARLIEST_NS)
        self.engine = FakeEngine(self, self._lasts)
        options = SMALL
        core = JournalCore(None, station=STATION, options=options, clock=self.clock)
        self.journal = Journal(
            core, InlineShell(0.002), station=STATION, options=options, clock=self.clock
        )
        self._running: asyncio.Task[None] | None = None
        self.room = BroadcastService(self.journal, self.clock, self.house, self.engine, self.studio)

    def _lasts(self, programme: Programme) -> float:
        name = programme.id.partition("~")[0]
        if not programme.files:
            return self.studio.seconds.get(name, 1e6)  # a microphone
        return self.studio.seconds.get(name, 10.0) * programme.repeat

    def _clock(self, floor_ns: int) -> Clock:
        return Clock(f"{self.boots + 1:016x}", Board(self._drift_ppm), floor_ns)

    def true_ns(self, at_s: float | None = None) -> int:
        at_s = asyncio.get_running_loop().time() if at_s is None else at_s
        return self._true_ns + round((at_s - self._since_s) * S)

    async def start(self) -> None:
        """A gateway starts."""
        self.room = BroadcastService(self.journal, self.clock, self.house, self.engine, self.studio)
        self.engine.settled.clear()
        await self.room.load()
        if not self.engine.away:
            self.room.reconcile(await self.engine.fetch_state())
        self.engine.settled.set()
        self._running = asyncio.ensure_future(self.room.run())

    async def kill(self) -> None:
        """kill -9: what was being written may be on disk or not."""
        self.engine.deafen()
        doing = {*self.room._playout._doing, *self.room._store.records._last.values()}
        assert self._running is not None
        doing.add(self._running)
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)

    async def reboot(self) -> None:
        """The power is cut and comes back; the clock has forgotten."""
        await self.kill()
        self.engine.reboot()
        floor_ns = self.clock.floor_ns
        await asyncio.sleep(20)
        self.boots += 1
        self.clock = self._clock(floor_ns)
        self.journal._clock = self.clock

    async def close(self) -> None:
        await self.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await self.journal.close()

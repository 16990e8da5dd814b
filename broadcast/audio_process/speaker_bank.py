"""All loudspeakers as the clock feeds them."""

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from broadcast.audio_process.encoders import EncoderSet
from broadcast.audio_process.mixer import MixedFrame
from broadcast.audio_protocol.messages import AudioEvent, SpeakerSetting, SpeakerState
from broadcast.audio_protocol.pcm import is_silent
from broadcast.audio_protocol.speaker_options import (
    MulticastOptions,
    SipOptions,
    SoundCardOptions,
    SpeakerOptions,
    UnicastOptions,
)
from broadcast.speakers.contract import Speaker
from broadcast.speakers.supervisor import OffClock, SpeakerSupervisor, run_in_thread
from gateway.faults import OnFault, log_fault

_chance = random.SystemRandom()


class SpeakerBank:
    """The loudspeakers, each with its supervisor."""

    def __init__(
        self,
        tell: Callable[[AudioEvent], None],
        off_clock: OffClock = run_in_thread,
        on_fault: OnFault = log_fault,
    ) -> None:
        self.keepers: dict[str, SpeakerSupervisor] = {}
        self._settings: dict[str, SpeakerSetting] = {}
        self._tell = tell
        self._off_clock = off_clock
        self._encoders = EncoderSet(on_fault)
        self._sounding: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether any of them needs the clock."""
        return any(keeper.busy for keeper in self.keepers.values())

    def apply_settings(self, settings: Sequence[SpeakerSetting]) -> None:
        """Open new ones; close those that are gone or changed in more than zones and level."""
        wanted = {each.id: each for each in settings}
        for id_, keeper in list(self.keepers.items()):
            if id_ not in wanted or not _same_line(wanted[id_], self._settings[id_]):
                keeper.close()
                del self.keepers[id_]
        for id_, setting in wanted.items():
            if id_ not in self.keepers:
                build = partial(make_speaker, id_, setting.options, _chance)
                self.keepers[id_] = SpeakerSupervisor(id_, build, self._tell, self._off_clock)
        self._settings = wanted
        self._sounding &= set(wanted)

    def send(self, mixes: Sequence[MixedFrame], cut: Collection[str] = ()) -> None:
        """Send one frame to every speaker in the mixes; end the session of those in none any more.

        Speakers in `cut` first drop what they have not played yet.
        """
        for id_ in cut:
            if id_ in self.keepers:
                self.keepers[id_].cut()
        codecs = {id_: each.codec for id_, each in self.keepers.items() if each.works}
        quiet = {id_ for mix in mixes if is_silent(mix.frame) for id_ in mix.speakers}
        for id_, payload, rank in self._encoders.encode(mixes, codecs):
            self.keepers[id_].play(payload, rank, silent=id_ in quiet)
        sounding = {id_ for mix in mixes for id_ in mix.speakers}
        for id_ in sounding - codecs.keys():
            self.keepers[id_].missed()
        for id_ in self._sounding - sounding:
            self.keepers[id_].rest()
        self._sounding = sounding

    def behind(self, ids: Iterable[str]) -> bool:
        """Whether any of them has frames left to play."""
        return any(id_ in self.keepers and self.keepers[id_].behind for id_ in ids)

    def tend(self, now_ns: int) -> None:
        """Let each do its periodic work."""
        for keeper in self.keepers.values():
            keeper.tend(now_ns)

    def working(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Those of them that work."""
        return tuple(i for i in ids if i in self.keepers and self.keepers[i].works)

    @property
    def broken(self) -> dict[str, bool]:
        """Those that do not work now, and whether their session was not answered."""
        return {id_: each.untaken for id_, each in self.keepers.items() if not each.works}

    def microphone(self, id_: str) -> str | None:
        """The microphone that can hear it."""
        return self._settings[id_].options.microphone

    def states(self) -> tuple[SpeakerState, ...]:
        """The state of each."""
        return tuple(keeper.state() for keeper in self.keepers.values())

    def close(self) -> None:
        """Close all of them."""
        self.apply_settings(())


def _same_line(one: SpeakerSetting, other: SpeakerSetting) -> bool:
    """Whether nothing changed that needs reopening: zones and levels are the mixer's."""
    return _line(one) == _line(other)


def _line(setting: SpeakerSetting) -> tuple[object, ...]:
    options = setting.options
    fields = set(options.__struct_fields__) - {"zones", "volume_db", "microphone", "name"}
    return (type(options), *(getattr(options, field) for field in sorted(fields)))


def make_speaker(id_: str, options: SpeakerOptions, chance: random.Random) -> Speaker:
    """Build the speaker for these options, not yet open; imports only the module of its kind."""
    match options:
        case MulticastOptions():
            from broadcast.speakers.multicast import MulticastSpeaker  # noqa: PLC0415

            return MulticastSpeaker(id_, options, chance)
        case UnicastOptions():
            from broadcast.speakers.unicast import UnicastSpeaker  # noqa: PLC0415

            return UnicastSpeaker(id_, options, chance)
        case SipOptions():
            from broadcast.speakers.sip.speaker import SipSpeaker  # noqa: PLC0415

            return SipSpeaker(id_, options, chance)
        case SoundCardOptions():
            from broadcast.speakers.soundcard import SoundCardSpeaker  # noqa: PLC0415

            return SoundCardSpeaker(id_, options)

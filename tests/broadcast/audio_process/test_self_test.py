"""The chime of a self-test: never where something sounds, nor beside an emergency."""

from pathlib import Path

import pytest

from broadcast.audio_process.mixer import Mixer
from broadcast.audio_process.self_test import SelfTestRunner
from broadcast.audio_process.sources import FileSource, PcmFile
from broadcast.audio_process.speaker_bank import SpeakerBank
from broadcast.audio_protocol.messages import Programme, SpeakerSetting
from broadcast.audio_protocol.speaker_options import UnicastOptions
from tests.broadcast.audio_process.harness import save, tone

HORNS = ("a", "b")


class Inline:
    """Errands that are done when they are asked for, but for what an ear has still to say."""

    def run(self, work):
        work()

    def post(self, work):
        self.posted.append(work)

    def __init__(self):
        self.posted = []


class Rig:
    """The real mixer and loudspeakers; an ear that opens at once and hears nothing."""

    def __init__(self, monkeypatch, chime: Path):
        self.errands, self.time_ns = Inline(), 0
        self.outlets = SpeakerBank(lambda _: None, lambda work: work(), lambda *_: None)
        settings = [
            SpeakerSetting(
                id_, UnicastOptions(zones=(f"z{id_}",), to=("127.0.0.1:5000",), microphone=id_)
            )
            for id_ in HORNS
        ]
        self.outlets.apply_settings(settings)
        self.mixer = Mixer()
        self.mixer.set_speakers(settings)
        monkeypatch.setattr("broadcast.audio_process.self_test.listen", self.listen)
        self.found: list[tuple[str, bool | None]] = []
        for id_, keeper in self.outlets.keepers.items():
            monkeypatch.setattr(
                keeper, "note_microphone", lambda heard, id_=id_: self.found.append((id_, heard))
            )
        self.tests = SelfTestRunner(self.mixer, self.outlets, self.errands)  # type: ignore[arg-type]  # see Inline
        self.tests.begin(HORNS, str(chime))

    def listen(self, _microphone, _pcm, _seconds, ready):
        ready()
        return False

    def sounds(self):
        """The chime of the next one in the queue."""
        self.errands.posted.pop(0)()

    def done(self):
        self.errands.posted.pop(0)()

    def order(self, zone, *, urgent=False):
        programme = Programme(
            id="o", zones=(zone,), files=("x",), rank=8 if urgent else 3, urgent=urgent
        )
        self.mixer.prepare(programme, FileSource([PcmFile(tone(440, 1).tobytes())], 1, 0), 0)
        self.mixer.play("o", 0, 0)
        self.tests.make_way()

    @property
    def chimes(self):
        self.mixer.tick(0)
        return {each.id for each in self.mixer.programmes() if each.id != "o" and each.speakers}


@pytest.fixture
def rig(monkeypatch, tmp_path):
    made = Rig(monkeypatch, save(tmp_path / "chime.wav", tone(880, 1)))
    yield made
    made.outlets.close()


def test_one_after_the_other_sounds_where_it_is_silent(rig):
    rig.sounds()
    assert rig.chimes == {"self-test:a"}
    rig.done()
    rig.sounds()
    assert "self-test:b" in rig.chimes
    rig.done()
    assert rig.found == [("a", False), ("b", False)]


def test_none_sounds_where_something_does_and_nobody_is_blamed(rig):
    rig.order("za")
    rig.sounds()
    assert rig.chimes == set()
    rig.done()
    rig.sounds()
    assert rig.chimes == {"self-test:b"}
    rig.done()
    assert rig.found == [("b", False)]


def test_one_that_sounds_gives_way_to_what_begins_there_alone(rig):
    rig.sounds()
    rig.order("zb")
    assert rig.chimes == {"self-test:a"}
    rig.done()
    rig.sounds()
    assert rig.chimes <= {"self-test:a"}
    rig.done()
    assert rig.found == [("a", False)]


def test_an_emergency_silences_them_all(rig):
    rig.sounds()
    rig.order("zb", urgent=True)
    assert rig.chimes == set()
    rig.done()
    assert rig.errands.posted == []
    assert rig.found == []

"""Sound (programs, audio process, loudspeakers, voices), and the kiosk screens."""

from collections.abc import Iterator

from gateway.doctor.model.check import DoctorCheck
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import CheckResult, bad, good, unseen, warn
from gateway.toml import Phrase

# A packet is due every 20 ms; one that is later than that leaves a gap.
LATE_WARN_MS, LATE_BAD_MS = 2.0, 20.0


def programs(facts: StationFacts) -> Iterator[CheckResult]:
    """The programs that prepare speech and uploads, if anything sounds."""
    if facts.machine is None or facts.written is None or not facts.written.speakers:
        return
    missing = sorted(name for name, found in facts.machine.programs.items() if not found)
    for name in missing:
        yield bad("doctor.program-missing", name, name=name)
    if not missing:
        yield good("doctor.programs-good")


def audio(facts: StationFacts) -> Iterator[CheckResult]:
    """The 20 ms clock."""
    found = facts.running.sound if facts.running else None
    if found is None:
        if facts.running is None and facts.written is not None and facts.written.speakers:
            yield unseen("doctor.sound-unseen")
        return
    late_ms = round(found.late_p99_ms, 1)
    if not found.connected:
        yield bad("doctor.audio-gone")
    elif found.late_p99_ms > LATE_BAD_MS:
        yield bad("doctor.audio-late", ms=late_ms)
    elif not found.realtime:
        yield warn("doctor.audio-no-realtime")
    elif found.late_p99_ms > LATE_WARN_MS:
        yield warn("doctor.audio-late", ms=late_ms)
    else:
        yield good("doctor.audio-good", ms=late_ms)


def speakers(facts: StationFacts) -> Iterator[CheckResult]:
    """Each loudspeaker as far as the audio process knows."""
    found = facts.running.sound if facts.running else None
    if found is None:
        return
    if not found.connected:
        yield unseen("doctor.speakers-unseen")
        return
    for speaker in found.speakers:
        if speaker.code is not None:
            why = Phrase(speaker.code, speaker.data)
            yield bad("doctor.speaker-lost", speaker.id, speaker=speaker.id, why=why)
        else:
            code = f"doctor.rung-{speaker.rung}"
            yield good("doctor.speaker-good", speaker.id, speaker=speaker.id, rung=Phrase(code))


def voices(facts: StationFacts) -> Iterator[CheckResult]:
    """Voices that were tried and did not speak."""
    found = facts.running.sound if facts.running else None
    for voice in found.voices if found else ():
        yield warn("doctor.voice-lost", voice, voice=voice)


def kiosks(facts: StationFacts) -> Iterator[CheckResult]:
    """Each screen's heartbeat."""
    for screen in facts.running.vitals.screens if facts.running else ():
        kiosk = screen.kiosk
        if screen.silent_s is None:
            yield good("doctor.kiosk-good", kiosk, kiosk=kiosk)
        else:
            minutes = round(screen.silent_s / 60)
            yield bad("doctor.kiosk-lost", kiosk, kiosk=kiosk, minutes=minutes)


CHECKS = (
    DoctorCheck("programs", "sound", programs),
    DoctorCheck("audio", "sound", audio),
    DoctorCheck("speaker", "sound", speakers),
    DoctorCheck("voice", "sound", voices),
    DoctorCheck("kiosk", "kiosk", kiosks),
)

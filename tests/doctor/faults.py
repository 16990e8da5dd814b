"""A healthy station, and broken ones: each is the healthy one with a few facts changed.

`path` of a change is written with dots; a number is a place in a tuple.
"""

from typing import Any, NamedTuple

import msgspec

from gateway.doctor.model.facts import (
    DiskFacts,
    FileFacts,
    MachineFacts,
    MemoryFacts,
    PortFacts,
    RunningFacts,
    SandboxFacts,
    SettingsFacts,
    SoundFacts,
    SpeakerFacts,
    StationFacts,
    UnitFacts,
)
from gateway.doctor.model.finding import FindingLevel
from gateway.event import Trust
from gateway.faults import FaultRecord as Edge
from gateway.health import RefusalVitals, ScreenVitals
from gateway.toml import Mistake, Phrase
from tests.web.station import NORMAL, NOW_NS, WALL_NS, S

MIB, DAY_NS = 1_048_576, 86_400 * S
WARN, BAD = FindingLevel.WARN, FindingLevel.BAD
STATE = "/var/lib/yizhan"

_vitals = msgspec.structs.replace(
    NORMAL,
    screens=(ScreenVitals("hall"),),
    devices=tuple(msgspec.structs.replace(d, state="ok", points=()) for d in NORMAL.devices),
    uplinks=(
        msgspec.structs.replace(
            NORMAL.uplinks[0],
            certificate=(WALL_NS - 10 * DAY_NS, WALL_NS + 80 * DAY_NS),
            skew_s=0.04,
        ),
    ),
)

HEALTHY = StationFacts(
    machine=MachineFacts(
        temperature_c=52.1,
        throttled=0,
        memory=MemoryFacts(
            total=1024 * MIB, available=480 * MIB, ours=58 * MIB, limit=220 * MIB, kills=0
        ),
        disk=DiskFacts(
            path=STATE,
            total=29_000 * MIB,
            free=21_000 * MIB,
            journal_bytes=120 * MIB,
            written=3_000_000_000,
            up_s=86_400.0,
            life=2,
            end=1,
        ),
        programs={"espeak-ng": True, "ffmpeg": True},
        bluetooth=True,
        ports=(PortFacts("meters", "/dev/ttyUSB0", exists=True, allowed=True),),
        held=(
            FileFacts(STATE, 0o700, writable=True),
            FileFacts(f"{STATE}/keys/command.key", 0o600, writable=True),
            FileFacts("/etc/yizhan/station.toml", 0o640, writable=True, secret=False),
        ),
        units=(
            UnitFacts("yizhan.service", "active", "success", 0),
            UnitFacts("yizhan-audio.service", "active", "success", 0),
            UnitFacts("yizhan-kiosk-cog.service", "active", "success", 0),
        ),
        watchdog="active",
    ),
    written=SettingsFacts(
        file="/etc/yizhan/station.toml",
        quota_mb=512,
        wear_gb_per_day=1.8,
        outage_days=64.0,
        speakers=2,
        bluetooth=True,
        narrowed=(
            SandboxFacts("yizhan.service", "fits"),
            SandboxFacts("yizhan-audio.service", "fits"),
        ),
    ),
    running=RunningFacts(
        vitals=_vitals,
        sound=SoundFacts(
            connected=True,
            late_p99_ms=0.2,
            speakers=(SpeakerFacts("hall", "sent"), SpeakerFacts("horn-b3", "reachable")),
        ),
        desk_certificate=(WALL_NS - 30 * DAY_NS, WALL_NS + 300 * DAY_NS),
    ),
)


class Fault(NamedTuple):
    """A broken station: what differs, and what the doctor must say of it; nothing else is wrong."""

    name: str
    changes: dict[str, Any]
    code: str
    level: FindingLevel
    # A piece of the Chinese remedy: the thing that somebody does with their hands.
    remedy: str


def seeded(facts: Any, changes: dict[str, Any]) -> Any:
    """The facts with those changes."""
    for path, value in changes.items():
        facts = _put(facts, path.split("."), value)
    return facts


def _put(whole: Any, path: list[str], value: Any) -> Any:
    head, *rest = path
    if isinstance(whole, tuple):
        inner = _put(whole[int(head)], rest, value) if rest else value
        return (*whole[: int(head)], inner, *whole[int(head) + 1 :])
    if isinstance(whole, dict):
        return {**whole, head: _put(whole[head], rest, value) if rest else value}
    inner = _put(getattr(whole, head), rest, value) if rest else value
    return msgspec.structs.replace(whole, **{head: inner})


SILENT = {"state": "silent", "since_ns": NOW_NS - 900 * S}


def _silent(*numbers: int) -> dict[str, Any]:
    return {
        f"running.vitals.devices.{n}.{key}": value for n in numbers for key, value in SILENT.items()
    }


_OLD = WALL_NS - 400 * DAY_NS
FILE = "/etc/yizhan/station.toml"

FAULTS = (
    Fault("service failed", {"machine.units.0.state": "failed",
                             "machine.units.0.result": "oom-kill"},
          "doctor.unit-failed", BAD, "journalctl -u yizhan.service"),
    Fault("audio service stopped", {"machine.units.1.state": "inactive"},
          "doctor.unit-stopped", BAD, "systemctl enable --now yizhan-audio.service"),
    Fault("service starts again and again", {"machine.units.0.restarts": 12},
          "doctor.unit-restarts", WARN, "journalctl"),
    Fault("the screen's browser fails", {"machine.units.2.state": "failed",
                                        "machine.units.2.result": "exit-code"},
          "doctor.unit-failed", BAD, "journalctl -u yizhan-kiosk-cog.service"),
    Fault("a line added since the sandbox was narrowed", {"written.narrowed.0.how": "tight"},
          "doctor.sandbox-tight", BAD, "yizhan install"),
    Fault("a line removed since", {"written.narrowed.0.how": "loose"},
          "doctor.sandbox-loose", WARN, "yizhan install"),
    Fault("a task that dies again and again", {"running.vitals.faults": (
        Edge("dying.papers.district",
             "KeyError in gateway/upstream/enrolment/renewal.py:keep_valid",
             4, NOW_NS - 60 * S, NOW_NS - S),)},
          "doctor.task-dying", BAD, "yizhan doctor --bundle"),
    Fault("a mistake that cost one request", {"running.vitals.faults": (
        Edge("web.GET /desk/alarms", "KeyError in gateway/desk/alarms/row.py:read", 3,
             NOW_NS - 60 * S, NOW_NS - S),)},
          "doctor.fault", WARN, "yizhan doctor --bundle"),
    Fault("mistakes at many places of one part", {"running.vitals.faults": tuple(
        Edge(f"rules.doer.{n}", "KeyError in gateway/rules/service.py:_outcome", n,
             NOW_NS - 60 * S, NOW_NS - S) for n in range(1, 7))},
          "doctor.fault", WARN, "rules.doer.1"),
    Fault("alarms that wait for room", {"running.vitals.refusals": (
        RefusalVitals("rules", 2, NOW_NS - S, held=5),)},
          "doctor.refused-held", BAD, "腾出空间"),
    Fault("alarms that are lost", {"running.vitals.refusals": (
        RefusalVitals("rules", 2, NOW_NS - S, lost=5),)},
          "doctor.refused-lost", WARN, "平台上缺"),
    Fault("readings that were late in the journal", {"running.vitals.refusals": (
        RefusalVitals("intake", 40, NOW_NS - 3600 * S),)},
          "doctor.refused", WARN, "存储"),
    Fault("watchdog off", {"machine.watchdog": "inactive"},
          "doctor.watchdog-off", WARN, "yizhan install"),
    Fault("a stranger's package", {"machine.packages": {"drivers": ("drivers-toolkit",)}},
          "doctor.package-taken", BAD, "drivers-toolkit"),
    Fault("mistake in the settings", {"written.mistakes": (
        Mistake(FILE, 12, "device.em.bus", "settings.repeated", {"first": 3}),)},
          "doctor.settings-wrong", BAD, "yizhan check"),
    Fault("no settings", {"written.mistakes": (Mistake(FILE, 0, "", "settings.missing"),)},
          "doctor.settings-unread", BAD, "--config"),
    Fault("a remark", {"written.remarks": (Phrase("check.none-required"),)},
          "doctor.settings-remark", WARN, "有意"),
    Fault("settings edited, not applied", {"running.edited": True},
          "doctor.settings-edited", WARN, "yizhan settings apply"),
    Fault("a change rolled back", {"running.rolled_back": 7},
          "doctor.settings-rolled-back", WARN, "/desk/settings"),
    Fault("voltage too low", {"machine.throttled": 0x50005},
          "doctor.power-low", BAD, "电源"),
    Fault("voltage was too low", {"machine.throttled": 0x50000},
          "doctor.power-was-low", WARN, "电源线"),
    Fault("slowed down", {"machine.throttled": 0x80008},
          "doctor.power-slowed", WARN, "通风"),
    Fault("in the sun", {"machine.temperature_c": 78.9},
          "doctor.temperature-high", WARN, "散热"),
    Fault("about to stop for heat", {"machine.temperature_c": 84.0},
          "doctor.temperature-high", BAD, "散热"),
    Fault("memory short", {"machine.memory.available": 70 * MIB},
          "doctor.memory-low", WARN, "systemd-cgtop"),
    Fault("memory gone", {"machine.memory.available": 20 * MIB},
          "doctor.memory-low", BAD, "systemd-cgtop"),
    Fault("the station grows", {"machine.memory.ours": 210 * MIB},
          "doctor.memory-ours-high", WARN, "systemctl restart yizhan"),
    Fault("killed for memory", {"machine.memory.kills": 2},
          "doctor.memory-killed", BAD, "MemoryMax"),
    Fault("card read-only", {"machine.disk.read_only": True},
          "doctor.disk-read-only", BAD, "换卡"),
    Fault("disk full", {"machine.disk.free": 11 * MIB},
          "doctor.disk-full", BAD, "du -xh"),
    Fault("disk too small for the quota", {"machine.disk.free": 300 * MIB},
          "doctor.disk-low", WARN, "quota_mb"),
    Fault("card nearly worn", {"machine.disk.life": 10},
          "doctor.wear-late", WARN, "换卡"),
    Fault("card worn", {"machine.disk.end": 3},
          "doctor.wear-over", BAD, "这周就换"),
    Fault("logs on the card", {"machine.disk.written": 40_000_000_000},
          "doctor.wear-much", WARN, "iotop"),
    Fault("storage lost", {"running.vitals.journal.volatile": True},
          "doctor.journal-lost", BAD, "换存储卡"),
    Fault("slow card", {"running.vitals.journal.commit_ms": 812.0},
          "doctor.journal-slow", WARN, "A1"),
    Fault("a damaged journal is coming over", {"running.vitals.journal.recovering": 912},
          "doctor.journal-recovering", WARN, "存储卡"),
    Fault("journal gave way", {"running.vitals.journal.evicted": 4_100},
          "doctor.journal-evicted", WARN, "quota_mb"),
    Fault("room for four days", {"written.outage_days": 4.2},
          "doctor.outage-short", WARN, "every_s"),
    Fault("room for hours", {"written.outage_days": 0.4},
          "doctor.outage-short", BAD, "quota_mb"),
    Fault("residents' details in memory", {"running.private_lost": True},
          "doctor.private-lost", BAD, "keys"),
    Fault("state belongs to root", {"machine.held.0.writable": False},
          "doctor.not-ours", BAD, "chown"),
    Fault("keys readable", {"machine.held.1.mode": 0o644},
          "doctor.too-open", BAD, "chmod go-rwx"),
    Fault("settings readable", {"machine.held.2.mode": 0o644},
          "doctor.open-settings", WARN, "chmod 640"),
    Fault("no clock", {"running.vitals.clock.trust": Trust.NONE,
                       "running.vitals.clock.wall_ns": None},
          "doctor.clock-unset", BAD, "NTP"),
    Fault("an old word on the time", {"running.vitals.clock.trust": Trust.PERSON,
                                      "running.vitals.clock.age_s": 20 * 86_400.0},
          "doctor.clock-old", WARN, "timedatectl"),
    Fault("nobody knows to the minute", {"running.vitals.clock.error_s": 300.0},
          "doctor.clock-wide", WARN, "timedatectl"),
    Fault("a later time on record", {"running.vitals.clock.doubt": "floor"},
          "doctor.clock-behind", BAD, "现在是几点"),
    Fault("two times", {"running.vitals.clock.doubt": "sources"},
          "doctor.clock-disputed", WARN, "现在是几点"),
    Fault("a platform's clock", {"running.vitals.uplinks.0.skew_s": -7.04},
          "doctor.platform-skew", WARN, "NTP"),
    Fault("an old certificate of a platform", {"running.vitals.uplinks.0.dates": "over"},
          "doctor.platform-certificate-over", WARN, "NTP"),
    Fault("a certificate of tomorrow", {"running.vitals.uplinks.0.dates": "early"},
          "doctor.platform-certificate-early", WARN, "NTP"),
    Fault("adapter unplugged", {"machine.ports.0.exists": False},
          "doctor.port-gone", BAD, "yizhan scan"),
    Fault("adapter not ours", {"machine.ports.0.allowed": False},
          "doctor.port-shut", BAD, "dialout"),
    Fault("line down", {"running.vitals.buses.1.state": "down"},
          "doctor.bus-down", BAD, "插头"),
    Fault("line too busy", {"running.vitals.buses.0.load": 0.97},
          "doctor.bus-busy", WARN, "every_s"),
    Fault("no Bluetooth", {"machine.bluetooth": False},
          "doctor.bluetooth-gone", BAD, "rfkill"),
    Fault("a meter silent", _silent(0),
          "doctor.device-silent", WARN, "接线"),
    Fault("a sensor faulty", {"running.vitals.devices.10.state": "faulty"},
          "doctor.device-faulty", WARN, "说明书"),
    Fault("two meters with one address", {"running.vitals.devices.0.code": "bus.two-answers"},
          "doctor.device-twice", WARN, "一台一台断开"),
    Fault("A and B swapped", _silent(8, 9, 10),
          "doctor.line-silent", BAD, "A、B"),
    Fault("no espeak-ng", {"machine.programs.espeak-ng": False},
          "doctor.program-missing", BAD, "apt install espeak-ng"),
    Fault("audio process gone", {"running.sound.connected": False},
          "doctor.audio-gone", BAD, "yizhan-audio"),
    Fault("no real-time priority", {"running.sound.realtime": False},
          "doctor.audio-no-realtime", WARN, "LimitRTPRIO"),
    Fault("sound a little late", {"running.sound.late_p99_ms": 6.0},
          "doctor.audio-late", WARN, "温度"),
    Fault("sound late", {"running.sound.late_p99_ms": 31.0},
          "doctor.audio-late", BAD, "CPU"),
    Fault("loudspeaker lost", {"running.sound.speakers.1.code": "speaker.nobody-listens",
                           "running.sound.speakers.1.data": {"address": "192.168.1.60"}},
          "doctor.speaker-lost", BAD, "yizhan order test"),
    Fault("voice broken", {"running.sound.voices": ("espeak",)},
          "doctor.voice-lost", WARN, "yizhan voice"),
    Fault("screen dark", {"running.vitals.screens.0.silent_s": 700.0},
          "doctor.kiosk-lost", BAD, "yizhan-kiosk"),
    Fault("no platform", {"running.vitals.uplinks": ()},
          "doctor.uplink-none", WARN, "yizhan enrol"),
    Fault("platform away", {"running.vitals.uplinks.0.state": "down",
                            "running.vitals.uplinks.0.code": "http.refused"},
          "doctor.uplink-away", WARN, "自动补传"),
    Fault("platform refuses us", {"running.vitals.uplinks.0.state": "refused"},
          "doctor.uplink-refused", BAD, "yizhan enrol"),
    Fault("certificate not renewed",
          {"running.vitals.uplinks.0.certificate": (_OLD, WALL_NS + 9 * DAY_NS)},
          "doctor.certificate-late", WARN, "yizhan enrol"),
    Fault("certificate over",
          {"running.vitals.uplinks.0.certificate": (_OLD, WALL_NS - 2 * DAY_NS)},
          "doctor.certificate-over", BAD, "绑定码"),
    Fault("unclaimed", {"running.claimed": False, "running.desk_open": False},
          "doctor.desk-unclaimed", WARN, "claim-code"),
    Fault("desk's port held", {"running.desk_open": False},
          "doctor.desk-shut", BAD, "lan_port"),
    Fault("desk's certificate not renewed",
          {"running.desk_certificate": (_OLD, WALL_NS + 9 * DAY_NS)},
          "doctor.desk-certificate-late", WARN, "keys"),
    Fault("desk's certificate over", {"running.desk_certificate": (_OLD, WALL_NS - DAY_NS)},
          "doctor.desk-certificate-over", BAD, "时钟"),
    Fault("station stopped", {"running": None},
          "doctor.station-stopped", BAD, "systemctl start yizhan"),
    Fault("station of another version", {"running": None, "mute": "Object missing field"},
          "doctor.station-mute", BAD, "systemctl restart yizhan"),
)  # fmt: skip

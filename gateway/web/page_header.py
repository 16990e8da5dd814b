"""The header that every page shows: which station, what time, whether the platform responds.

The header repeats facts and must never be ahead of them. "Received" is shown only if every lane's
last number has the platform's receipt and the journal is on disk.
"""

import datetime
import zoneinfo
from functools import cache

from gateway.event import Trust
from gateway.health import AlarmVitals, ClockVitals, UplinkVitals, Vitals
from gateway.web.i18n import Translator
from gateway.web.section import View

# A mark and its word: the class of its colour, its pictogram, the word. Never a mark alone.
StatusMark = tuple[str, str, str]


def header_view(vitals: Vitals, words: Translator) -> View:
    """The view of the header."""
    return {
        "frame.clock": clock_face(vitals),
        "frame.trust": clock_source(vitals.clock, words),
        "frame.platform": platform_mark(vitals, words),
        "frame.alarmed": vitals.alarms.untaken > 0,
        "frame.alarms": ("bad", "bell", words("web.alarms", n=vitals.alarms.untaken)),
        "frame.ring": str(vitals.alarms.ring),
        "frame.told": tab_title_prefix(vitals.alarms),
    }


def tab_title_prefix(alarms: AlarmVitals) -> str:
    """The beginning of the tab's title while an alarm waits: `(1) 烟感报警`."""
    if not alarms.untaken:
        return ""
    return f"({alarms.untaken}) {alarms.first}".strip()


def clock_face(vitals: Vitals) -> str:
    """Hours and minutes in the station's time zone; dashes while the clock is unset."""
    return wall_text(vitals.clock.wall_ns, vitals.timezone, "%H:%M")


def wall_text(wall_ns: int | None, timezone: str, form: str) -> str:
    """That instant in the station's time zone; dashes if it is unknown."""
    if wall_ns is None:
        return "--:--"
    moment = datetime.datetime.fromtimestamp(wall_ns // 1_000_000_000, tz=_zone(timezone))
    return moment.strftime(form)


def written_text(time: str | None, at_ms: int, timezone: str, words: Translator) -> str:
    """When something was written, in the station's zone; time since boot if that is unknown."""
    if time is None:
        return words("desk.since-boot", span=words.span(at_ms / 1000))
    moment = datetime.datetime.fromisoformat(time)
    return moment.astimezone(_zone(timezone)).strftime("%m-%d %H:%M:%S")


@cache
def _zone(name: str) -> datetime.tzinfo:
    return zoneinfo.ZoneInfo(name)


def clock_source(clock: ClockVitals, words: Translator) -> str:
    """What the clock rests on, and how long ago that was updated unless it is continuous."""
    source = words(f"trust.{clock.trust.value}")
    if clock.trust in {Trust.NTP, Trust.NONE}:
        return source
    return f"{source} · {words.age(clock.age_s)}"


def first_uplink(vitals: Vitals) -> UplinkVitals | None:
    """The uplink that represents the platform in one word: the worst one."""
    by_worst = sorted(vitals.uplinks, key=lambda uplink: uplink.state == "up")
    return by_worst[0] if by_worst else None


# By what the platform's receipts are worth.
SETTLED = {
    "stored": "web.platform-received",
    "accepted": "web.platform-accepted",
    "transported": "web.platform-transported",
}


def platform_mark(vitals: Vitals, words: Translator) -> StatusMark:
    """The state of the platform in a word."""
    uplink = first_uplink(vitals)
    if uplink is None:
        return ("away", "cloud-off", words("web.platform-none"))
    if uplink.state == "wait":
        return ("wait", "s-wait", words("web.platform-wait"))
    if uplink.state != "up":
        away_s = (vitals.at_ns - uplink.since_ns) / 1e9
        return ("away", "cloud-off", words("web.platform-away", span=words.span(away_s)))
    waiting = sum(lane.waiting for lane in vitals.lanes)
    if vitals.journal.volatile or waiting:
        return ("ok", "cloud", words("web.platform-up"))
    return ("ok", "cloud", words(SETTLED[uplink.worth]))

"""The table of all kinds of event in `docs/feed.md`: `python -m tests.upstream.kinds` writes it.

What a kind says stands here, its lane in the code, its example in a golden file.
"""

import json
from pathlib import Path
from typing import Any

from gateway.event import Lane
from tests.golden.feed import GOLDEN
from tests.upstream.asyncapi import KINDS

FILE = Path(__file__).parents[2] / "docs" / "feed.md"
BEGIN, END = "<!-- kinds: tests/upstream/kinds.py -->\n", "<!-- end of kinds -->\n"

SAYS = {
    "feed.gap": "numbers of this lane that will never come",
    "feed.epoch": "a new journal file; what became of the former one",
    "feed.rejected": "events that a platform would not take",
    "station.started": "the station runs",
    "station.clock-step": "station time was set or moved",
    "station.fault": "a mistake of the station's own, contained",
    "station.health": "a check of the doctor became good, warn or bad",
    "field.reading": "one device, one poll: its values",
    "field.device-state": "a device answers, is silent, or answers wrongly",
    "field.bus-state": "a line or gateway is up or down",
    "field.meter-replaced": "a counter begins elsewhere",
    "command.receipt": "what became of a command",
    "alarm.raised": "**an alarm**",
    "alarm.acknowledged": "somebody has taken it",
    "alarm.attended": "somebody has come to see",
    "alarm.escalated": "nobody took it: the next are called",
    "alarm.unreached": "everybody on call was called, and nobody took it",
    "alarm.returned": "its condition is over; it waits for a person",
    "alarm.cleared": "it is over",
    "alarm.flapping": "it comes and goes; it is told seldom now",
    "alarm.shelved": "somebody put it aside, or took it back",
    "alarm.suppressed": "it follows from another, or does no longer",
    "alarm.judged": "somebody said whether it was real",
    "alarm.paused": "conditions wait until the time is known",
    "alarm.running": "they wait no more",
    "alarm.action": "what a linkage did, or why not",
    "alarm.message": "what a linkage has to say to you",
    "request.opened": "a ride, a call or a repair was asked for",
    "request.changed": "it went on",
    "request.ended": "it is over",
    "broadcast.accepted": "the guard took an order",
    "broadcast.held": "it waits, with the reason",
    "broadcast.preparing": "its sound is made",
    "broadcast.playing": "it sounds",
    "broadcast.interrupted": "something more urgent sounds instead",
    "broadcast.finished": "it has been said, and how far it was heard",
    "broadcast.stopped": "somebody stopped it",
    "broadcast.dropped": "it was given up",
    "broadcast.refused": "the guard did not take it",
    "broadcast.expired": "it was too late for it",
    "broadcast.failed": "it could not be said",
    "broadcast.heard": "microphones heard it after all",
    "broadcast.missed": "a schedule's hour passed without its sound",
    "speaker.tested": "the daily test of all loudspeakers",
    "speaker.fault": "a loudspeaker does not work",
    "speaker.well": "it works again",
    "settings.changed": "settings were kept or rolled back, never their text",
    "audit.act": "who did what: an account's id, never a name",
}


def examples() -> dict[str, list[dict[str, Any]]]:
    """The events of the golden files, by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(GOLDEN.rglob("*.json")):
        body = json.loads(file.read_bytes())
        for event in body if isinstance(body, list) else [body]:
            if isinstance(event, dict) and "lane" in event and "type" in event:
                found.setdefault(event["type"], []).append(event)
    return found


def table() -> str:
    """One row a kind: its type, its lanes, what it says, the data of an example."""
    there = examples()
    rows = ["| type | lane | says | `data`, for example |", "|---|---|---|---|"]
    for kind in sorted(KINDS, key=lambda kind: kind.type):
        events = there[kind.type]
        lanes = {kind.lane.wire, *(each["lane"] for each in events)}
        said = json.dumps(events[0]["data"], ensure_ascii=False, separators=(",", ":"))
        in_order = ", ".join(lane.wire for lane in Lane if lane.wire in lanes)
        name = kind.type.removeprefix("cn.yizhan.")
        says = SAYS[name.rpartition(".v")[0]]
        rows.append(f"| `{name}` | {in_order} | {says} | `{said}` |")
    return "\n".join(rows) + "\n"


def written(page: str) -> str:
    """The page with the table of now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text("utf-8")), "utf-8")

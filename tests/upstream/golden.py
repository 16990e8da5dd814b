"""What goes over the wire, one example each. The files are final: later work only adds.

`python -m tests.upstream.golden` writes the files that are missing, and never changes one.
"""

import json

from gateway.audit.events import ACT, ActEventData, Actor, ActOrigin, ActResult
from gateway.event import (
    Event,
    JournalEntry,
    Lane,
    Timestamps,
    encode_envelope,
    encode_envelope_batch,
    encode_tail,
    parse_rfc3339,
)
from gateway.intake.events import (
    BUS_STATE,
    DEVICE_STATE,
    METER_REPLACED,
    TELEMETRY,
    BusStateEventData,
    DeviceStateEventData,
    MeterReplacedEventData,
    TelemetryEventData,
)
from gateway.journal.events import GAP, NEW_EPOCH, QUOTA, Gap, NewEpoch
from gateway.reconfigure.events import CHANGED, SettingsChanged
from gateway.station.events import (
    CLOCK_STEP,
    FAULT,
    STARTED,
    ClockMoved,
    FaultReport,
    StationStarted,
)
from gateway.upstream.feed.events import (
    FEED_REJECTED,
    RejectedEvent,
    RejectionsEventData,
    replace_with_gap,
)
from gateway.upstream.inbox.events import COMMAND_RECEIPT, ReceiptEventData
from tests.golden.feed import EPOCH, GOLDEN, STAMPS, STATION, write_missing

FOLDER = GOLDEN / "feed"
KNOWN, BOOT = STAMPS, STAMPS.boot
UNKNOWN = Timestamps(BOOT, 5_500_000_000)
COMMAND = "019ab0f2-5c80-7c3d-8e4f-6a7b8c9d0e1f"


def event(kind, source, data, stamps=KNOWN, **more) -> Event:
    return Event(kind=kind, source=source, stamps=stamps, data=data, **more)


READING = event(
    TELEMETRY, "em-b3", TelemetryEventData({"power_w": 18420.5, "energy_wh": 73204110}), place="b3"
)
POOR = event(
    TELEMETRY,
    "water-b3",
    TelemetryEventData({"flow_m3h": None, "total_m3": 1203.4}, {"flow_m3h": "sensor_fault"}),
    UNKNOWN,
    place="b3",
)
EVENTS = {
    "audit-act": (
        event(
            ACT,
            "audit",
            ActEventData(
                7,
                "5f0c1e",
                "alarms/take",
                ActResult.DONE,
                Actor("staff", "0217"),
                ActOrigin("192.168.1.20", "desk-1"),
                on="smoke-b3",
            ),
        ),
        96418,
    ),
    "settings-changed": (
        event(
            CHANGED,
            "settings",
            SettingsChanged(
                4,
                "a1b2c3d4e5f60718",
                "kept",
                "installer:boss",
                "加表",
                "2026-11-23T06:05:03.250Z",
            ),
        ),
        96419,
    ),
    "field-reading": (READING, 2840116),
    "field-reading-without-time": (POOR, 7),
    "field-device-state": (
        event(DEVICE_STATE, "vfd-1", DeviceStateEventData("silent", "driver.timeout"), place="b3"),
        96410,
    ),
    "field-bus-state": (event(BUS_STATE, "meters", BusStateEventData("up")), 96411),
    "field-meter-replaced": (
        event(
            METER_REPLACED,
            "em-b3",
            MeterReplacedEventData("energy-kwh", 18420.55, 0.02, "station"),
            place="b3",
        ),
        96412,
    ),
    "field-meter-back": (
        event(
            METER_REPLACED,
            "em-b3",
            MeterReplacedEventData("energy-kwh", 0.02, 18420.61, "station", resumes=18420.55),
            place="b3",
        ),
        96413,
    ),
    "station-started": (
        event(STARTED, "station", StationStarted("0.2.0", BOOT, EPOCH, volatile=False)),
        1,
    ),
    "station-clock-step": (
        event(
            CLOCK_STEP,
            "station",
            ClockMoved(BOOT, 61_200, None, "2026-11-22T06:06:04.450Z", "platform"),
        ),
        2,
    ),
    "station-fault": (
        event(
            FAULT,
            "station",
            FaultReport("inbox.district", "KeyError in gateway/upstream/inbox/run.py:_take", 3),
        ),
        3,
    ),
    "feed-gap-emergency": (
        event(GAP, "journal", Gap("emergency", 12, 15, QUOTA), lane=Lane.EMERGENCY),
        15,
    ),
    "feed-gap-telemetry": (
        event(GAP, "journal", Gap("telemetry", 1201, 5600, QUOTA), lane=Lane.TELEMETRY),
        5600,
    ),
    "feed-epoch": (
        event(
            NEW_EPOCH,
            "journal",
            NewEpoch("41d00c9a52b7f6e3", "journal.damaged", {"alarm": 17, "telemetry": 880}, 42),
        ),
        1,
    ),
    "feed-rejected": (
        event(
            FEED_REJECTED,
            "upstream",
            RejectionsEventData(
                "district",
                (RejectedEvent(f"{STATION}:{EPOCH}:telemetry:73", "upstream.refused"),),
            ),
        ),
        96412,
    ),
    "command-receipt-accepted": (
        event(
            COMMAND_RECEIPT,
            "upstream",
            ReceiptEventData(COMMAND, "accepted", None, "2026-11-23T06:05:03.250Z"),
            correlation=COMMAND,
            expires_wall_ns=parse_rfc3339("2026-11-23T06:15:00.000Z"),
        ),
        96413,
    ),
    "command-receipt-done": (
        event(
            COMMAND_RECEIPT,
            "upstream",
            ReceiptEventData(
                COMMAND,
                "done",
                None,
                "2026-11-23T06:05:03.250Z",
                {"events": 200, "gaps": 0, "to": 1400},
            ),
            correlation=COMMAND,
        ),
        96414,
    ),
    "command-receipt-sent": (
        event(
            COMMAND_RECEIPT,
            "upstream",
            ReceiptEventData(
                COMMAND,
                "sent",
                None,
                "2026-11-23T06:05:03.250Z",
                {"value": False, "quality": "substituted"},
            ),
            correlation=COMMAND,
        ),
        96417,
    ),
    "command-receipt-refused": (
        event(
            COMMAND_RECEIPT,
            "upstream",
            ReceiptEventData(COMMAND, "refused", "inbox.unsigned", "2026-11-23T06:05:03.250Z"),
            correlation=COMMAND,
        ),
        96415,
    ),
}
MESSAGES = {
    "receipt": {
        "epoch": EPOCH,
        "upto": {"service": 96415, "telemetry": 2840116},
        "missing": [],
        "rejected": [],
        "at": "2026-11-23T06:05:03.412Z",
    },
    "receipt-missing": {
        "epoch": EPOCH,
        "upto": {"telemetry": 2840100},
        "missing": [["telemetry", 2840101, 2840110]],
        "rejected": [],
    },
    "receipt-held": {
        "epoch": EPOCH,
        "upto": {"telemetry": 2840100},
        "missing": [],
        "rejected": [],
        "held": [["telemetry", 3339951, 3340100]],
    },
    "receipt-rejected": {
        "epoch": EPOCH,
        "upto": {"telemetry": 2840116},
        "missing": [],
        "rejected": [{"id": f"{STATION}:{EPOCH}:telemetry:2840116", "code": "unknown-device"}],
    },
    "command-ping": {
        "id": COMMAND,
        "kind": "ping",
        "station": STATION,
        "issued": "2026-11-23T06:05:00.000Z",
        "expires": "2026-11-23T06:06:00.000Z",
        "data": {},
    },
    "command-replay": {
        "id": COMMAND,
        "kind": "feed.replay",
        "station": STATION,
        "issued": "2026-11-23T06:05:00.000Z",
        "expires": "2026-11-23T06:15:00.000Z",
        "data": {"lane": "telemetry", "from": 1201, "to": 1400},
    },
}


def entry(name: str) -> JournalEntry:
    made, seq = EVENTS[name]
    gap_from = made.data.first if isinstance(made.data, Gap) else None
    return JournalEntry(EPOCH, made.travels, seq, encode_tail(made, STATION), gap_from)


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    made = {name: encode_envelope(entry(name), STATION) for name in EVENTS}
    made["gap-for-a-refused-event"] = encode_envelope(
        replace_with_gap(entry("field-reading"), "upstream.rejected", STATION, KNOWN), STATION
    )
    made["batch"] = encode_envelope_batch(
        [entry("field-device-state"), entry("field-reading")], STATION
    )
    for name, message in MESSAGES.items():
        made[name] = json.dumps(message, separators=(",", ":")).encode()
    return made


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

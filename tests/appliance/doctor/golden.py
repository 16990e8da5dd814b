"""What the doctor puts into the feed, one example each. The files are final: later work only adds.

`python -m tests.appliance.doctor.golden` writes the files that are missing, and never changes one.
"""

from pathlib import Path

from gateway.appliance.doctor.events import HEALTH, Health
from gateway.event import Entry, Event, Stamps, Trust, envelope, tail

FOLDER = Path(__file__).parents[2] / "golden" / "doctor"
STATION, EPOCH = "wangjing-07", "9f3ac21b7e5d0846"
STAMPS = Stamps("00112233aabbccdd", 86_400_500_000_000, 1_795_413_903_250_000_000, Trust.NTP)
TOLD = {
    "lost": Health("speaker", "bad", "good", "doctor.speaker-lost", "horn-b3"),
    "returned": Health("speaker", "good", "bad", "doctor.mended", "horn-b3"),
    "worse": Health("temperature", "bad", "warn", "doctor.temperature-high"),
}


def event_of(health: Health) -> Event:
    return Event(kind=HEALTH, source="doctor", stamps=STAMPS, data=health)


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    made = {}
    for number, (name, health) in enumerate(TOLD.items(), 1):
        event = event_of(health)
        entry = Entry(EPOCH, event.travels, number, tail(event, STATION))
        made[f"health-{name}"] = envelope(entry, STATION)
    return made


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, body in wire().items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_bytes(body + b"\n")

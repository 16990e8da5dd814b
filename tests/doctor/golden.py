"""What the doctor puts into the feed, one example each. The files are final: later work only adds.

`python -m tests.doctor.golden` writes the files that are missing, and never changes one.
"""

from gateway.doctor.events import HEALTH, HealthEventData
from gateway.event import Event
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "doctor"
TOLD = {
    "lost": HealthEventData("speaker", "bad", "good", "doctor.speaker-lost", "horn-b3"),
    "returned": HealthEventData("speaker", "good", "bad", "doctor.mended", "horn-b3"),
    "worse": HealthEventData("temperature", "bad", "warn", "doctor.temperature-high"),
}


def event_of(health: HealthEventData) -> Event:
    return Event(kind=HEALTH, source="doctor", stamps=STAMPS, data=health)


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("health", {name: event_of(health) for name, health in TOLD.items()})


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

"""What the doctor puts into the feed, one example each. The files are final: later work only adds.

`python -m tests.appliance.doctor.golden` writes the files that are missing, and never changes one.
"""

from gateway.appliance.doctor.events import HEALTH, Health
from gateway.event import Event
from tests.golden.feed import GOLDEN, STAMPS, enveloped, write_missing

FOLDER = GOLDEN / "doctor"
TOLD = {
    "lost": Health("speaker", "bad", "good", "doctor.speaker-lost", "horn-b3"),
    "returned": Health("speaker", "good", "bad", "doctor.mended", "horn-b3"),
    "worse": Health("temperature", "bad", "warn", "doctor.temperature-high"),
}


def event_of(health: Health) -> Event:
    return Event(kind=HEALTH, source="doctor", stamps=STAMPS, data=health)


def wire() -> dict[str, bytes]:
    """Every golden file's bytes, as the present code makes them."""
    return enveloped("health", {name: event_of(health) for name, health in TOLD.items()})


if __name__ == "__main__":
    write_missing(FOLDER, wire().items())

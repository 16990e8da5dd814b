"""Golden files of the feed: one example of each kind, byte for byte. They are final.

A room's `golden.py` names its folder and makes its bodies; run as a module it writes the files that
are missing, and never changes one.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.event import Event, JournalEntry, Timestamps, Trust, encode_envelope, encode_tail

GOLDEN = Path(__file__).parent
STATION, EPOCH = "wangjing-07", "9f3ac21b7e5d0846"
WALL_NS = 1_795_413_903_250_000_000  # 2026-11-23T06:05:03.250Z
STAMPS = Timestamps("00112233aabbccdd", 86_400_500_000_000, WALL_NS, Trust.NTP)


def enveloped(prefix: str, events: Mapping[str, Event]) -> dict[str, bytes]:
    """Each event as the feed carries it, numbered in order, named `<prefix>-<name>`."""
    return {
        f"{prefix}-{name}": encode_envelope(
            JournalEntry(EPOCH, event.travels, number, encode_tail(event, STATION)), STATION
        )
        for number, (name, event) in enumerate(events.items(), 1)
    }


def write_missing(folder: Path, bodies: Iterable[tuple[str, bytes]]) -> None:
    """Write each body that has no file yet; an old file is never touched."""
    folder.mkdir(exist_ok=True)
    for name, body in bodies:
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_bytes(body + b"\n")

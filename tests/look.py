"""`./dev look [ROOM…]`: every screen in every state, pictured and judged, a contact sheet a room.

`./dev look pictures` renews the READMEs' pictures in `docs/pictures/` instead.

Pictures go to `.dev/look/`. All rooms are looked at, whatever is found in one; the exit code is 1
if any screen has a fault.
"""

import asyncio
import importlib
import sys
import time

from tests.repository import pictures
from tests.web.gallery import OUT

# Each module's `main(names)` pictures the screens named (all if none), returns an exit code.
ROOMS = {
    "live": "tests.web.page_gallery",
    "access": "tests.access.gallery",
    "alarms": "tests.alarms.gallery",
    "requests": "tests.kiosk.desk.gallery",
    "broadcast": "tests.broadcast.pages.gallery",
    "settings": "tests.reconfigure.gallery",
    "doctor": "tests.doctor.gallery",
    "setup": "tests.setup.gallery",
    "kiosk": "tests.kiosk.screen.gallery",
}


def main(names: list[str]) -> int:
    """Look at the rooms named; all if none."""
    if names == ["pictures"]:
        return asyncio.run(pictures.renew())
    if unknown := sorted(set(names) - set(ROOMS)):
        print(f"no such room: {', '.join(unknown)}; there are: {', '.join(ROOMS)}")
        return 2
    worst = 0
    for room in names or ROOMS:
        print(f"\n── {room}", flush=True)
        began = time.monotonic()
        worst = max(worst, asyncio.run(importlib.import_module(ROOMS[room]).main([])))
        took_s = time.monotonic() - began
        print(f"{OUT.parent.name}/{OUT.name}/contact-{room}.png after {took_s:.0f} s", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

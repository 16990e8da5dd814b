"""A page that has fallen silent while the station is well: its browser is to be started anew.

The gateway may start and stop nothing. It writes a file, and systemd does what
`systemd/yizhan-screen.path` says. Nobody writes it while the gateway is away: the browser then
keeps the page that says so.
"""

import asyncio
import logging
from pathlib import Path

from kiosk.runtime.screen_heartbeats import ScreenHeartbeats

log = logging.getLogger(__name__)

MARKER = "screen-silent"
# When it is first asked for; after that each time twice as long, up to an hour.
ASK_S, ASK_S_MAX = 180.0, 3600.0

EVERY_S = 10.0


class BrowserRestart:
    """Of the first kiosk's page: the one that this machine's own screen opens."""

    def __init__(self, screens: ScreenHeartbeats, kiosks: list[str], runtime: Path) -> None:
        """Nothing has been asked for yet."""
        self._screens, self._kiosks = screens, kiosks[:1]
        self._marker = runtime / MARKER
        self._due_s = self._wait_s = ASK_S

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            self.check()
            await asyncio.sleep(EVERY_S)

    def check(self) -> None:
        """Ask, if it is due."""
        for kiosk in self._kiosks:
            silent_s = self._screens.silent_s(kiosk)
            if silent_s is None:
                self._due_s = self._wait_s = ASK_S
            elif silent_s >= self._due_s:
                self._wait_s = min(2 * self._wait_s, ASK_S_MAX)
                self._due_s = silent_s + self._wait_s
                self._ask(kiosk, silent_s)

    def _ask(self, kiosk: str, silent_s: float) -> None:
        try:
            self._marker.write_text(f"{kiosk}\n", "utf-8")
        except OSError as error:
            log.warning("nobody could be asked to start the screen of %s anew: %s", kiosk, error)
        else:
            log.warning(
                "the screen of %s is silent for %.0f s: to be started anew", kiosk, silent_s
            )

"""A silent page's browser is asked for anew, ever more rarely, and only by a living gateway."""

import logging
from itertools import pairwise
from pathlib import Path

import pytest

from kiosk.runtime.screen_heartbeats import ScreenHeartbeats
from kiosk.screen.browser_restart import ASK_S, ASK_S_MAX, EVERY_S, MARKER, BrowserRestart
from tests.sim.clock import SimulatedClock

UNIT = Path(__file__).parents[3] / "systemd/yizhan-screen.path"


class Hall:
    """A gateway that looks every few seconds, and a folder in which it asks."""

    def __init__(self, folder: Path, *kiosks: str) -> None:
        self.clock = SimulatedClock()
        self.screens = ScreenHeartbeats(frozenset(kiosks), self.clock)
        self.revival = BrowserRestart(self.screens, list(kiosks), folder)
        self.marker = folder / MARKER
        self.now_s = 0.0

    def asked(self, within_s: float, *heard: str) -> list[float]:
        """At which seconds it asks, while the pages of those kiosks are heard of."""
        found = []
        until_s = self.now_s + within_s
        while self.now_s < until_s:
            for kiosk in heard:
                self.screens.record_heartbeat(kiosk)
            self.clock.kernel.advance(EVERY_S)
            self.now_s += EVERY_S
            self.revival.check()
            if self.marker.exists():
                found.append(self.now_s)
                self.marker.unlink()
        return found


def test_a_page_that_never_comes_is_asked_for_ever_more_rarely(tmp_path: Path) -> None:
    asked = Hall(tmp_path, "hall").asked(6 * 3600)
    assert asked[:5] == [180, 540, 1260, 2700, 5580]
    waits = {after - before for before, after in pairwise(asked[4:])}
    assert waits == {ASK_S_MAX}
    assert len(asked) == 9


def test_a_page_that_is_heard_of_is_left_alone(tmp_path: Path) -> None:
    hall = Hall(tmp_path, "hall")
    assert hall.asked(7200, "hall") == []
    assert hall.asked(ASK_S) == [7200 - EVERY_S + ASK_S]


def test_once_heard_of_it_has_its_whole_time_again(tmp_path: Path) -> None:
    hall = Hall(tmp_path, "hall")
    assert hall.asked(600) == [180, 540]
    assert hall.asked(EVERY_S, "hall") == []
    assert hall.asked(ASK_S) == [600 + ASK_S]


def test_only_the_screen_of_this_machine_is_meant(tmp_path: Path) -> None:
    """Units and policy open the first kiosk's page; another one has no browser of ours."""
    assert Hall(tmp_path, "hall", "yard").asked(1800, "hall") == []
    assert Hall(tmp_path, "hall", "yard").asked(200, "yard") == [ASK_S]
    assert Hall(tmp_path).asked(3600) == []


def test_what_cannot_be_asked_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Hall(tmp_path / "absent", "hall").asked(300) == []
    assert "nobody could be asked" in caplog.text


def test_systemd_watches_what_the_gateway_writes() -> None:
    assert f"PathChanged=/run/yizhan/{MARKER}\n" in UNIT.read_text("utf-8")

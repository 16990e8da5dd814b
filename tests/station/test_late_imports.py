"""What a station starts without: each of these costs memory, and many stations never need it."""

import subprocess
import sys

import pytest

# The import, and what it is for.
LATE = {
    "bleak": "a scanner for sensors in the air",
    "cryptography": "a signed order, a person's fields, a certificate to make",
    "difflib": "a mistake in the settings",
    "importlib.metadata": "the doctor's look at foreign packages",
    "prometheus_client": "somebody who scrapes /metrics",
    "pyaudio": "a sound card",
    "serial": "a serial port",
    "tomlkit": "a change of the settings",
    "zeroconf": "the announcement, after the start",
}

ROOTS = (
    "gateway.station.command",
    "gateway.station.process",
    "gateway.upstream.uplinks.http.client",
)
ASK = f"import sys, {', '.join(ROOTS)}; "


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Everything that the station's root has imported before it reads its settings."""
    asked = (sys.executable, "-c", ASK + "print(*sys.modules)")
    return set(subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split())


@pytest.mark.parametrize("name", LATE)
def test_it_is_not_imported_before_it_is_needed(name: str, imported: set[str]) -> None:
    assert name not in imported, f"needed only for {LATE[name]}"


def test_the_question_finds_what_is_imported(imported: set[str]) -> None:
    assert {"aiohttp.web", "gateway.station.app", "sqlite3"} <= imported

"""The doctor's advice for a dying card, done: what it says to copy is a whole station."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor.checks import examine
from gateway.doctor.model.finding_text import finding_text
from gateway.texts import LANGUAGES, Texts
from tests.doctor.faults import FAULTS, HEALTHY, seeded
from tests.ports import free_port
from tests.station.harness import StationProcess
from tests.station.test_bad_days import settings


def advice(lang: str) -> list[list[str]]:
    """The `tar` commands that the doctor says over a card whose life is over."""
    (fault,) = (each for each in FAULTS if each.name == "card worn")
    findings = examine(seeded(HEALTHY, fault.changes))
    (said,) = (
        finding_text(each, Texts(lang)).remedy for each in findings if each.code == fault.code
    )
    assert "yizhan settings show" in said, "which is warned of: it veils the secrets"
    return [shlex.split(each) for each in re.findall(r"tar (?:[-./\w]+ ?)+", said)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_names_the_folders_of_this_very_station(lang: str) -> None:
    assert advice(lang) == [
        ["tar", "-cpf", "/mnt/yizhan.tar", "/etc/yizhan", "/var/lib/yizhan"],
        ["tar", "-xpf", "/mnt/yizhan.tar", "-C", "/"],
    ]


@pytest.mark.slow
async def test_the_copy_goes_on_as_the_same_station_with_all_its_keys(tmp_path: Path) -> None:
    old, new, port = tmp_path / "old", tmp_path / "new", free_port()
    old.mkdir()
    new.mkdir()
    text = settings().replace("port = 0", f"port = {port}")
    (old / "station.toml").write_text(text, "utf-8")
    station = StationProcess(old)
    await station.start()
    code = await station.claim_code()
    async with asyncio.timeout(60):  # its first entry is offered, and READY does not wait for it
        while not issued(before := await station.get("/api/v1/vitals", port)):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
    await station.stop()
    places = {
        "/etc/yizhan": str(old),
        "/var/lib/yizhan": str(old / "state"),
        "/mnt/yizhan.tar": str(tmp_path / "yizhan.tar"),
        "/": str(new),
    }
    for command in advice("zh"):
        tar = await asyncio.create_subprocess_exec(*(places.get(word, word) for word in command))
        assert await tar.wait() == 0
    copy = (new / old.relative_to("/")).rename(tmp_path / "copy")
    keys = [path for path in (old / "state" / "keys").rglob("*") if path.is_file()]
    assert keys
    for path in (*keys, old / "station.toml", old / "state" / "private.db"):
        there = copy / path.relative_to(old)
        assert there.read_bytes() == path.read_bytes()
        assert there.stat().st_mode == path.stat().st_mode
    again = StationProcess(copy)
    await again.start()
    assert await again.claim_code() == code
    async with asyncio.timeout(60):
        while issued(after := await again.get("/api/v1/vitals", port)) <= issued(before):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
    await again.stop()
    assert issued(before) > 0
    assert after["journal"]["epoch"] == before["journal"]["epoch"]
    assert not after["journal"]["volatile"]


def issued(vitals: dict[str, Any]) -> int:
    """Entries of the service lane."""
    return int({lane["lane"]: lane["issued"] for lane in vitals["lanes"]}["service"])

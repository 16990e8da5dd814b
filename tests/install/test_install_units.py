"""The shipped units before systemd's own judge."""

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.install.exposure import exposure
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.records import UNKNOWN
from gateway.reconfigure.startup import FOLDER

ROOT = Path(__file__).parent.parent.parent
SYSTEMD = ROOT / "systemd"
UNITS = sorted(path.name for path in SYSTEMD.glob("*.service"))
PROGRAMS = (
    "opt/yizhan/bin/yizhan",
    *("usr/bin/cog", "usr/bin/cage", "usr/bin/systemctl"),
    *("usr/bin/systemd-sysusers", "usr/bin/systemd-tmpfiles"),
)
LIFTED = re.compile(
    r"(ExecPaths|ReadWritePaths|ReadOnlyPaths|SupplementaryGroups|DeviceAllow"
    r"|RestrictAddressFamilies|SocketBindAllow|IPAddressAllow|CPUSchedulingPolicy)="
)


def text(unit: str) -> str:
    return (SYSTEMD / unit).read_text("utf-8")


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("yizhan.service", 1.4),
        ("yizhan-audio.service", 1.6),  # real-time priority costs 0.3
        ("yizhan-screen.service", 0.9),
    ],
)
def test_the_shipped_unit_is_closed(unit: str, most: float) -> None:
    score = exposure(text(unit))
    assert score is not None, "systemd-analyze is missing"
    assert score <= most


def test_the_judge_sees_a_restriction_that_is_gone() -> None:
    weaker = text("yizhan.service").replace("NoNewPrivileges=yes\n", "")
    assert (exposure(weaker) or 0) > 1.4


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """In a root that holds the programs and Debian's own units."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", units, symlinks=True)
    for program in PROGRAMS:
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/usr/bin/true", tmp_path / program)
    shipped = [*UNITS, "yizhan-screen.path"]
    for unit in shipped:
        shutil.copy(SYSTEMD / unit, units)
    ran = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", *shipped],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["yizhan.service", "yizhan-audio.service"])
def test_each_lifted_restriction_names_its_feature(unit: str) -> None:
    """A line that opens something stands under a comment, or under another such line."""
    lines = text(unit).splitlines()
    for above, line in itertools.pairwise(lines):
        if LIFTED.match(line) and "NoExec" not in above:
            assert above.startswith("#") or LIFTED.match(above), line


@pytest.mark.parametrize("unit", ["yizhan.service", "yizhan-audio.service"])
def test_the_file_or_the_last_accepted_settings_let_it_start(unit: str, tmp_path: Path) -> None:
    file, state = tmp_path / "etc/yizhan/station.toml", tmp_path / "var/lib/yizhan"
    conditions = re.findall(r"^Condition.*$", text(unit), re.MULTILINE)
    here = [re.sub("/(?=etc/|var/)", f"{tmp_path}/", line) for line in conditions]

    def lets_start() -> bool:
        judged = ["systemd-analyze", "condition", *here]
        return subprocess.run(judged, capture_output=True, check=False).returncode == 0

    assert not lets_start(), "nothing is set up"
    file.parent.mkdir(parents=True)
    file.write_text("schema = 1\n")
    assert lets_start()
    SettingsHistory(file, state / FOLDER).record_manual_edit(file.read_bytes(), UNKNOWN)
    file.unlink()
    assert lets_start(), "the last accepted settings are there"


EVERYWHERE = {"/", "/opt/yizhan", "/usr/bin", "/usr/lib", "/lib", "/tmp", "/var/tmp", "/dev/shm"}
MADE = {"State": "/var/lib/yizhan", "Configuration": "/etc/yizhan", "Runtime": "/run/yizhan"}


def made_for(unit: str) -> set[str]:
    """The folders that systemd makes before it starts the unit."""
    return {path for kind, path in MADE.items() if f"\n{kind}Directory=yizhan\n" in text(unit)}


def listed(unit: str, key: str) -> list[str]:
    return " ".join(re.findall(rf"^{key}=(.*)$", text(unit), re.MULTILINE)).split()


@pytest.mark.parametrize("unit", UNITS)
def test_a_place_that_another_machine_lacks_stops_no_start(unit: str) -> None:
    """systemd gives up (226) where a path is missing and bears no dash: a Pi's lib64."""
    needed = {path for path in listed(unit, r"\w+Paths") if not path.startswith("-")}
    assert needed - EVERYWHERE - made_for(unit) == set()


@pytest.mark.parametrize("unit", ["yizhan.service", "yizhan-audio.service"])
def test_what_can_be_written_cannot_be_run(unit: str) -> None:
    """`NoExecPaths=/` does not reach into what systemd mounts below it."""
    writable = {*made_for(unit), "/tmp", "/var/tmp", "/dev/shm"}
    assert writable - set(listed(unit, "NoExecPaths")) == set()


@pytest.mark.parametrize("unit", ["yizhan.service", "yizhan-audio.service"])
def test_a_wrong_clock_and_a_late_network_hold_nothing_up(unit: str) -> None:
    orders = " ".join(re.findall(r"^(?:After|Wants|Requires)=(.*)$", text(unit), re.MULTILINE))
    assert not {"time-sync.target", "network-online.target"} & set(orders.split())
    assert "StartLimitIntervalSec=0" in text(unit)


def test_memory_runs_out_for_the_browser_first() -> None:
    def score(unit: str) -> int:
        found = re.search(r"^OOMScoreAdjust=(-?\d+)", text(unit), re.MULTILINE)
        assert found is not None
        return int(found[1])

    browsers = [unit for unit in UNITS if "kiosk" in unit]
    assert len(browsers) == 2
    assert score("yizhan-audio.service") < score("yizhan.service") < min(map(score, browsers))
    assert all(re.search(r"^MemoryMax=", text(unit), re.MULTILINE) for unit in UNITS)


def test_a_silent_screen_is_only_ever_started_anew_where_one_ran() -> None:
    """Every screen that is shipped, and none that was not running."""
    (command,) = re.findall(r"^ExecStart=(.*)$", text("yizhan-screen.service"), re.MULTILINE)
    screens = [unit for unit in UNITS if "kiosk" in unit]
    assert command.split()[:2] == ["systemctl", "try-restart"]
    assert sorted(command.split()[2:]) == screens


def test_the_browser_keeps_nothing_on_the_card() -> None:
    assert "--user-data-dir=/run/yizhan-kiosk/" in text("yizhan-kiosk-chromium.service")
    for unit in UNITS:
        if "kiosk" in unit:
            assert "HOME=/run/yizhan-kiosk " in text(unit)

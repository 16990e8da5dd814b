"""The machine is asked: seeded /proc and /sys, real permission bits, a disk's own word."""

import os
from pathlib import Path

import pytest

from gateway.doctor import probes
from gateway.doctor.checks import examine
from gateway.doctor.disks import disk_facts
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import FindingLevel
from gateway.doctor.permissions import UserRights
from gateway.doctor.settings_facts import read_settings_facts, serial_ports

NOBODY = UserRights(65_534, frozenset({65_534}))


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "ascii")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A Pi, as far as its files go."""
    root = tmp_path / "root"
    put(root, "sys/class/thermal/thermal_zone0/temp", "61234\n")
    put(root, "sys/class/thermal/thermal_zone1/temp", "48000\n")
    put(root, probes.THROTTLED, "50005\n")
    put(root, "proc/meminfo", "MemTotal:  948304 kB\nMemFree: 1 kB\nMemAvailable: 402112 kB\n")
    put(root, f"{probes.CGROUP}/memory.current", "60817408\n")
    put(root, f"{probes.CGROUP}/memory.high", "230686720\n")
    put(root, f"{probes.CGROUP}/memory.events", "low 0\nhigh 3\noom 2\noom_kill 1\n")
    put(root, "sys/class/bluetooth/hci0/address", "")
    return root


def test_a_pi_tells_of_itself(board: Path) -> None:
    assert probes.temperature_c(board) == 61.234
    assert probes.throttled(board) == 0x50005
    assert probes.bluetooth(board) is True
    memory = probes.memory(board)
    assert (memory.total, memory.available) == (948_304 * 1024, 402_112 * 1024)
    assert (memory.ours, memory.limit, memory.kills) == (60_817_408, 230_686_720, 1)


def test_another_board_and_a_sandbox_are_silent_not_wrong(tmp_path: Path) -> None:
    put(tmp_path, f"{probes.CGROUP}/memory.high", "max\n")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "broken\n")
    put(tmp_path, probes.THROTTLED, "")
    assert probes.temperature_c(tmp_path) is None
    assert probes.throttled(tmp_path) is None
    assert probes.bluetooth(tmp_path) is False
    assert probes.bluetooth(tmp_path / "none") is None
    memory = probes.memory(tmp_path)
    assert (memory.total, memory.ours, memory.limit, memory.kills) == (None, None, None, 0)


def test_the_disk_says_how_old_it_is_and_how_much_it_was_given(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    card = "sys/devices/mmcblk0"
    put(tmp_path, f"{card}/stat", " 1 2 3 4 5 6 2000 8\n")
    put(tmp_path, f"{card}/device/life_time", "0x02 0x0A\n")
    put(tmp_path, f"{card}/device/pre_eol_info", "0x02\n")
    put(tmp_path, f"{card}/mmcblk0p2/partition", "2\n")
    link = tmp_path / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / f"{card}/mmcblk0p2")
    (tmp_path / "journal.db").write_bytes(b"x" * 5000)
    found = disk_facts(tmp_path, tmp_path, up_s=7.0)
    assert found is not None
    assert (found.written, found.life, found.end) == (2000 * 512, 10, 2)
    assert (found.journal_bytes, found.read_only) == (5000, False)
    assert found.total > found.free > 0
    assert disk_facts(tmp_path / "none", tmp_path, up_s=7.0) is None


@pytest.mark.parametrize(
    ("mode", "use", "write"),
    [(0o600, False, False), (0o666, True, True), (0o664, False, False), (0o602, False, True)],
)
def test_rights_are_the_stations_not_those_of_whoever_asks(
    tmp_path: Path, mode: int, use: bool, write: bool
) -> None:
    file = tmp_path / "port"
    file.touch()
    file.chmod(mode)
    found = file.stat()
    assert (NOBODY.may_use(found), NOBODY.may_write(found)) == (use, write)
    friend = UserRights(65_534, frozenset({found.st_gid}))
    assert friend.may_use(found) is (mode & 0o060 == 0o060)
    assert UserRights(found.st_uid, frozenset()).may_use(found)


def test_open_keys_and_a_foreign_state_are_seen(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "station.toml"
    (state / "keys").mkdir(parents=True)
    state.chmod(0o700)
    (state / "keys").chmod(0o700)
    key = state / "keys" / "command.key"
    key.touch()
    key.chmod(0o644)
    file.touch()
    held = {each.path: each for each in probes.file_facts(file, state, UserRights.for_station())}
    assert held[str(key)].mode == 0o644
    assert held[str(file)].secret is False
    facts = StationFacts(machine=probes.probe_machine(probes.ProbeTargets(file, state)))
    codes = {f.code for f in examine(facts) if f.level is FindingLevel.BAD}
    assert "doctor.too-open" in codes
    foreign = list(probes.file_facts(file, state, NOBODY))
    assert not any(each.writable for each in foreign)


def test_who_else_brings_a_folder_of_our_name_is_seen(tmp_path: Path) -> None:
    for distribution, files in {
        "yizhan-0.1.0": "gateway/cli.py,,\n",
        "yizhan_tools-0.1.0": "gateway/demo/command.py,,\ndrivers/emulate/field.py,,\n",
        "folder-2.0": "drivers/__init__.py,sha256=x,1\n节能/x.py,,\n",
        "module-1.0": "kiosk.py,,\n",
        "harmless-1.0": "harmless/gateway/x.py,,\n",
    }.items():
        folder = tmp_path / f"{distribution}.dist-info"
        folder.mkdir()
        (folder / "RECORD").write_text(files, "utf-8")
    assert probes.foreign_packages((str(tmp_path),)) == {
        "drivers": ("folder",),
        "kiosk": ("module",),
    }
    assert probes.foreign_packages() == {}, "and here nobody does"


def test_the_settings_are_read_with_their_ports_and_their_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    text = '[station]\nid = "a"\nname = "甲"\n[bus.line]\nkind = "serial"\nport = "/dev/none"\n'
    file.write_text(f"schema = 1\n{text}", "utf-8")
    known, settings = read_settings_facts(tmp_path, tmp_path)
    assert (known.mistakes, known.quota_mb, known.speakers) == ((), 512, 0)
    assert serial_ports(settings) == (("line", "/dev/none"),)
    found = probes.probe_machine(probes.ProbeTargets(file, tmp_path, serial_ports(settings))).ports
    assert [(port.exists, port.allowed) for port in found] == [(False, False)]
    file.write_text(f"schema = 1\n{text}kind = 3\n", "utf-8")
    known, settings = read_settings_facts(tmp_path, tmp_path)
    assert len(known.mistakes) == 1
    assert settings is None

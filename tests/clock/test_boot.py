"""The boot id: the same after a restart of the process, another after one of the machine."""

import os
from pathlib import Path

import pytest

from gateway.clock import Clock, Deadline, boot
from tests.sim.clock import SimulatedClock

A, B = "11111111-aaaa", "22222222-bbbb"


def test_every_process_of_a_boot_gets_the_same_id(tmp_path: Path) -> None:
    ids = {boot.read_boot_id(tmp_path / "run", A, emptied=False) for _ in range(5)}
    (only,) = ids
    assert len(only) == 16
    assert int(only, 16) >= 0


def test_another_boot_of_the_kernel_gets_another(tmp_path: Path) -> None:
    first = boot.read_boot_id(tmp_path, A, emptied=False)
    second = boot.read_boot_id(tmp_path, B, emptied=False)
    assert first != second
    assert boot.read_boot_id(tmp_path, B, emptied=False) == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot"]


@pytest.mark.parametrize("emptied", [True, False])
def test_a_hidden_kernel_id_is_made_up_for_by_a_directory_that_boots_empty(
    tmp_path: Path, *, emptied: bool
) -> None:
    first = boot.read_boot_id(tmp_path, boot.UNKNOWN, emptied=emptied)
    again = boot.read_boot_id(tmp_path, boot.UNKNOWN, emptied=emptied)
    assert (first == again) is emptied


@pytest.mark.parametrize("left", [b"", b"short", b"\xff\xfe", b"x" * 16, b"0123456789abcdef"])
def test_garbage_in_the_file_is_replaced(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "boot").write_bytes(left)
    mine = boot.read_boot_id(tmp_path, A, emptied=False)
    assert boot.read_boot_id(tmp_path, A, emptied=False) == mine


def test_when_two_processes_start_at_once_the_first_one_names_the_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link_too_late(source: Path, target: Path) -> None:
        monkeypatch.undo()
        boot.read_boot_id(tmp_path, A, emptied=False)
        os.link(source, target)

    monkeypatch.setattr(os, "link", link_too_late)
    late = boot.read_boot_id(tmp_path, A, emptied=False)
    assert late == boot.read_boot_id(tmp_path, A, emptied=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot"]


def test_without_a_place_to_write_the_id_lasts_for_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "run"
    assert boot.read_boot_id(nowhere, A, emptied=True) != boot.read_boot_id(
        nowhere, A, emptied=True
    )


def test_where_run_time_files_go(tmp_path: Path) -> None:
    state = tmp_path / "state"
    systemd = {"RUNTIME_DIRECTORY": "/run/yizhan:/run/other", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert boot.run_directory(systemd, state) == (Path("/run/yizhan"), True)
    user = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert boot.run_directory(user, state) == (tmp_path / "yizhan", True)
    gone = {"XDG_RUNTIME_DIR": str(tmp_path / "gone")}
    assert boot.run_directory(gone, state) == (state / "run", False)


def test_the_kernel_may_hide_its_id(tmp_path: Path) -> None:
    assert boot.kernel_boot_id(tmp_path / "none") == boot.UNKNOWN
    assert boot.kernel_boot_id() != ""


def test_the_real_clock_keeps_its_boot_over_a_restart(tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": str(tmp_path)}
    one = Clock.open(tmp_path, environ=environ)
    two = Clock.open(tmp_path, environ=environ)
    assert one.boot == two.boot
    assert one.now_ns() < two.now_ns()


def test_a_deadline_passes_in_its_own_boot_at_its_time() -> None:
    clock = SimulatedClock()
    deadline = clock.deadline(20)
    assert deadline == Deadline(clock.boot, clock.now_ns() + 20_000_000_000)
    clock.advance(19)
    assert not deadline.passed(clock)
    assert deadline.left_ns(clock) == 1_000_000_000
    clock.advance(1)
    assert deadline.passed(clock)


def test_a_deadline_of_another_boot_has_passed() -> None:
    clock = SimulatedClock()
    assert clock.deadline(1e6).passed(clock.rebooted())

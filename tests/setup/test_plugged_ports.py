"""What an installer has just plugged in."""

from pathlib import Path

from gateway.setup.plugged_ports import FRESH_S, PluggedPorts


def test_what_was_plugged_in_since_the_station_began_is_fresh_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyS0").touch()
    ports = PluggedPorts(tmp_path)
    paths = [str(tmp_path / name) for name in ("ttyS0", "ttyUSB0", "ttyUSB1", "serial-A5")]
    assert ports.fresh(paths, 10) == set()
    (tmp_path / "ttyUSB1").touch()
    (tmp_path / "serial-A5").symlink_to("ttyUSB1")
    assert ports.fresh(paths, 20) == {paths[2], paths[3]}, "under both of its names"
    assert ports.fresh(paths, 20 + FRESH_S + 1) == set()


def test_what_is_pulled_out_and_plugged_in_again_is_fresh(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    ports, path = PluggedPorts(tmp_path), str(tmp_path / "ttyUSB0")
    Path(path).unlink()
    assert ports.fresh([], 10) == set()
    Path(path).touch()
    assert ports.fresh([path], 20) == {path}


def test_a_machine_without_such_a_folder_has_nothing_fresh(tmp_path: Path) -> None:
    assert PluggedPorts(tmp_path / "none").fresh(["/dev/ttyUSB0"], 1) == set()

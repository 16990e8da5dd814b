"""Changes by setup keep what the installer wrote, and are there whole or not at all."""

import os
from pathlib import Path

import pytest

from gateway.errors import UsageError
from gateway.toml import edit_file, read, replace_file

WRITTEN = """schema = 1  # 改完请运行 yizhan check

[station]
id = "wangjing-07"   # 永不更改
name = "望京"

[device.em-b3]       # 总表
every_s = 15
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(WRITTEN, "utf-8")
    path.chmod(0o640)
    return path


def test_a_value_changes_and_nothing_else(path: Path) -> None:
    edit_file(path, {("device", "em-b3", "every_s"): 30})
    assert path.read_text("utf-8") == WRITTEN.replace("every_s = 15", "every_s = 30")
    assert path.stat().st_mode & 0o777 == 0o640


def test_new_tables_are_made_and_old_keys_taken_away(path: Path) -> None:
    edit_file(
        path,
        {
            ("device", "em-b4", "name"): "4号楼总电表",
            ("device", "em-b3"): None,
            ("journal", "quota_mb"): 256,
            ("no", "such", "key"): None,
        },
    )
    table = read(path).table
    assert table["device"] == {"em-b4": {"name": "4号楼总电表"}}
    assert table["journal"] == {"quota_mb": 256}
    assert "no" not in table
    assert "# 永不更改" in path.read_text("utf-8")


def test_a_value_is_not_turned_into_a_table(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        edit_file(path, {("station", "name", "zh"): "x"})
    assert caught.value.code == "settings.no-table"
    assert path.read_text("utf-8") == WRITTEN


def test_a_failure_before_the_exchange_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        edit_file(path, {("station", "name"): "新"})
    assert path.read_text("utf-8") == WRITTEN
    assert [entry.name for entry in path.parent.iterdir()] == ["station.toml"]


def test_the_exchange_is_on_disk_before_it_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        calls.append("directory" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        real_fsync(descriptor)

    def exchange(self: Path, target: Path) -> Path:
        calls.append("replace")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", exchange)
    replace_file(path, b"x")
    assert calls == ["file", "replace", "directory"]

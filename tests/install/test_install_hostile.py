"""The installer below a root in whose service's folder somebody waits for the next upgrade."""

import os
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.errors import UsageError
from gateway.install import safe_files
from tests.install.test_install import root, settings

__all__ = ["root"]

SECRET = "root:$y$secret:19000:0:99999:7:::\n"
EXAMPLE = "etc/yizhan/station.example.toml"


@pytest.fixture
def victim(root: Path) -> Path:
    """What only root may read."""
    file = root / "root" / "victim"
    file.parent.mkdir()
    file.write_text(SECRET)
    file.chmod(0o600)
    return file


def untouched(victim: Path) -> bool:
    status = victim.stat()
    return (victim.read_text(), status.st_mode & 0o777, status.st_uid) == (
        SECRET, 0o600, os.geteuid(),
    )  # fmt: skip


def install(root: Path, *more: str) -> int:
    return main(["install", "--root", str(root), "--again", *more])


@pytest.mark.parametrize("kind", ["symbolic", "hard", "pipe"])
def test_settings_that_lead_elsewhere_are_not_given_away(
    root: Path, victim: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(root)
    assert install(root) == 0
    file = root / "etc/yizhan/station.toml"
    file.unlink()
    if kind == "symbolic":
        file.symlink_to(victim)
    elif kind == "hard":
        file.hardlink_to(victim)
    else:
        os.mkfifo(file)
    with pytest.raises(UsageError, match=r"station\.toml"):
        safe_files.set_owner(root, "etc/yizhan/station.toml", 0o640, (os.geteuid(), os.getegid()))
    assert untouched(victim)


@pytest.mark.parametrize("name", [".station.example.toml.yizhan-new", "station.example.toml"])
@pytest.mark.parametrize("again", [False, True])
def test_a_link_where_the_example_goes_leads_the_installer_nowhere(
    root: Path, victim: Path, name: str, again: bool
) -> None:
    settings(root)
    if again:
        assert install(root) == 0
        (root / EXAMPLE).unlink()
    (root / "etc/yizhan" / name).symlink_to(victim)
    assert install(root) == 0
    assert untouched(victim)


def test_a_folder_of_the_services_that_became_a_link_is_not_entered(root: Path) -> None:
    state = root / "var/lib/yizhan"
    state.mkdir(parents=True)
    state.chmod(0o777)
    (root / "etc/cron.d").mkdir()
    (state / "keys").symlink_to(root / "etc/cron.d")
    with pytest.raises(UsageError):
        safe_files.replace_file(root, "var/lib/yizhan/keys/job", b"* * * * * root id", 0o644)
    assert list((root / "etc/cron.d").iterdir()) == []


def test_links_that_only_root_can_have_laid_are_followed(root: Path) -> None:
    """Debian's own: /lib is usr/lib."""
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "lib64").symlink_to("/usr/lib")
    for path in ("lib/one", "lib64/two"):
        safe_files.replace_file(root, path, b"1", 0o644)
    assert sorted(each.name for each in (root / "usr/lib").iterdir()) == ["one", "two"]
    assert (root / "usr/lib/one").stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_written_leaves_nothing_behind(root: Path) -> None:
    (root / "etc/yizhan/station.toml").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        safe_files.replace_file(root, "etc/yizhan/station.toml", b"", 0o600)
    assert [each.name for each in (root / "etc/yizhan").iterdir()] == ["station.toml"]

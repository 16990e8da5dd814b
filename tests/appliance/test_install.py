"""The installer below a root of its own: laid, laid again, taken away."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from gateway.appliance.install import machine, manifest
from gateway.appliance.install.sandbox import audio_dropin, gateway_dropin
from gateway.appliance.load import load
from gateway.cli import main

ROOT = Path(__file__).parent.parent.parent
PASSWD = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndialout:x:20:\nnogroup:x:65534:\n"
SHADOW = "root:*:19000:0:99999:7:::\n"
DROPIN = "etc/systemd/system/yizhan.service.d/50-station.conf"


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A bare tree on which the package has been unpacked."""
    for name, body in (("passwd", PASSWD), ("group", GROUP), ("shadow", SHADOW), ("gshadow", "")):
        place = tmp_path / "etc" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(body)
    (tmp_path / "etc/shadow").chmod(0o640)
    (tmp_path / "etc/passwd-").write_text("an older one\n")
    program = tmp_path / "opt/yizhan/bin/yizhan"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return tmp_path


def fingerprint(root: Path) -> dict[str, tuple[int, int, int, str]]:
    """Every path with mode, owner and what is in it."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            inside = str(path.readlink())
        else:
            inside = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        owner = (status.st_mode, status.st_uid, status.st_gid, inside)
        found[str(path.relative_to(root))] = owner
    return found


def settings(root: Path, change: tuple[str, str] = ("", "")) -> None:
    text = (ROOT / "config/station.example.toml").read_text("utf-8").replace(*change)
    (root / "etc/yizhan").mkdir(exist_ok=True)
    (root / "etc/yizhan/station.toml").write_text(text, "utf-8")


def install(root: Path, *more: str) -> int:
    return main(["install", "--root", str(root), *more])


def uninstall(root: Path, *more: str) -> int:
    return main(["uninstall", "--root", str(root), *more])


def test_the_second_time_there_is_nothing_to_do(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(root, "--kiosk", "chromium") == 0
    once = fingerprint(root)
    capsys.readouterr()
    assert install(root, "--kiosk", "chromium") == 0
    assert "没有要做的" in capsys.readouterr().out
    assert fingerprint(root) == once
    assert "yizhan:x:" in (root / "etc/passwd").read_text()
    enabled = root / "etc/systemd/system/multi-user.target.wants/yizhan.service"
    assert enabled.readlink() == Path("/usr/lib/systemd/system/yizhan.service")


def test_a_purge_gives_the_tree_back_hash_for_hash(root: Path) -> None:
    before = fingerprint(root)
    install(root)
    settings(root)
    install(root, "--kiosk", "cog")
    (root / "var/lib/yizhan/journal.db").write_bytes(b"events")
    assert len(fingerprint(root)) > len(before) + 15
    assert uninstall(root, "--purge") == 0
    assert fingerprint(root) == before
    assert uninstall(root, "--purge") == 0  # and the second time


def test_without_a_purge_settings_events_and_their_owner_stay(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(root)
    settings(root)
    (root / "var/lib/yizhan/journal.db").write_bytes(b"events")
    assert uninstall(root) == 0
    assert (root / "etc/yizhan/station.toml").exists()
    assert (root / "var/lib/yizhan/journal.db").read_bytes() == b"events"
    assert "yizhan:x:" in (root / "etc/passwd").read_text()
    assert not list(root.rglob("*.service"))
    capsys.readouterr()
    assert uninstall(root) == 0
    assert "没有要做的" in capsys.readouterr().out
    assert install(root) == 0  # and back again


def test_a_dry_run_tells_and_does_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(root)
    before = fingerprint(root)
    assert install(root, "--dry-run") == 0
    said = capsys.readouterr().out
    assert fingerprint(root) == before
    assert "/usr/lib/systemd/system/yizhan.service" in said
    assert "SocketBindAllow=tcp:8443" in said
    assert "隔离的分数" in said
    install(root)
    capsys.readouterr()
    after = fingerprint(root)
    assert uninstall(root, "--dry-run") == 0
    assert "会拿走" in capsys.readouterr().out
    assert fingerprint(root) == after


def test_what_somebody_has_changed_stays(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(root)
    unit = root / "usr/lib/systemd/system/yizhan.service"
    unit.write_text("# mine\n")
    capsys.readouterr()
    assert install(root) == 0
    assert "yizhan.service 有人改过" in capsys.readouterr().out
    assert uninstall(root, "--purge") == 1
    assert unit.read_text() == "# mine\n"


def test_a_file_of_ours_from_an_older_release_is_renewed(root: Path) -> None:
    install(root)
    listed = manifest.read(root)
    unit = root / "usr/lib/systemd/system/yizhan.service"
    whole = unit.read_bytes()
    unit.write_bytes(b"# of an older release\n")
    path = str(unit.relative_to(root))
    listed.note(manifest.Laid("file", path, manifest.digest(unit.read_bytes())))
    manifest.write(root, listed)
    assert install(root) == 0
    assert unit.read_bytes() == whole


def test_the_sandbox_goes_back_to_the_shipped_one(root: Path) -> None:
    settings(root)
    install(root)
    assert (root / DROPIN).exists()
    assert install(root, "--as-shipped") == 0
    assert not (root / DROPIN).exists()
    assert install(root) == 0
    assert (root / DROPIN).exists()


def test_settings_that_root_wrote_are_given_to_the_station(root: Path) -> None:
    settings(root)
    place = root / "etc/yizhan/station.toml"
    place.chmod(0o600)
    install(root)
    user = next(
        x for x in (root / "etc/passwd").read_text().splitlines() if x.startswith("yizhan:")
    )
    assert (place.stat().st_uid == int(user.split(":")[2])) is (os.geteuid() == 0)
    before = fingerprint(root)
    install(root)
    assert fingerprint(root) == before


def test_logs_are_left_alone_where_asked(root: Path) -> None:
    install(root, "--keep-logs")
    assert not list(root.rglob("journald.conf.d"))


def test_without_the_program_the_remedy_is_the_package(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "opt/yizhan/bin/yizhan").unlink()
    before = fingerprint(root)
    assert install(root) == 1
    assert "opt/yizhan/bin/yizhan 不在" in capsys.readouterr().err
    assert fingerprint(root) == before


def test_wrong_settings_stop_the_installer_before_its_first_step(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(root, ('id = "wangjing-07"', 'id = "望京"'))
    before = fingerprint(root)
    assert install(root) == 2
    assert "station.toml:" in capsys.readouterr().err
    assert fingerprint(root) == before


def test_a_damaged_list_is_never_guessed_at(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(root)
    (root / manifest.PLACE).write_text("{")
    assert uninstall(root, "--purge") == 1
    assert "manifest.json" in capsys.readouterr().err
    assert (root / "usr/lib/systemd/system/yizhan.service").exists()


def test_the_list_is_roots_alone(root: Path) -> None:
    install(root)
    place = root / manifest.PLACE
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_uid == os.geteuid()
    state = manifest.read(root).find("var/lib/yizhan")
    assert state is not None
    assert state.data
    assert not manifest.PLACE.startswith(state.path + "/")


@pytest.mark.parametrize(
    ("change", "there", "absent"),
    [
        (("", ""), ["DeviceAllow=char-ttyUSB rw", "IPAddressAllow=any"], ["char-ttyAMA"]),
        (
            ("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0", "/dev/ttyAMA0"),
            ["DeviceAllow=char-ttyAMA rw"],
            ["char-ttyUSB"],
        ),
        (
            ("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0", "socket://h:1"),
            ["PrivateDevices=yes"],
            ["char-tty", "dialout"],
        ),
        (("https://iot.example.cn", "https://8.8.4.4"), ["8.8.4.4"], ["=any"]),
        (("https://iot.example.cn", "https://10.1.2.3"), ["10.0.0.0/8"], ["=any", "10.1.2.3"]),
        (("port = 8080", "port = 8081\nlan_port = 0"), ["=tcp:8081"], ["8443", "8080"]),
        (
            ("[device.em-b3]", '[bus.air]\nkind = "ble"\n[device.em-b3]'),
            ["SupplementaryGroups=bluetooth", "SupplementaryGroups=dialout"],
            [],
        ),
    ],
)
def test_the_sandbox_is_what_the_settings_name(
    tmp_path: Path, change: tuple[str, str], there: list[str], absent: list[str]
) -> None:
    (tmp_path / "etc").mkdir()
    settings(tmp_path, change)
    text = gateway_dropin(load(tmp_path / "etc/yizhan")).text
    assert [each for each in there if each not in text] == []
    assert [each for each in absent if each in text] == []


SPEAKER = '[speaker.{kind}]\nkind = "{kind}"\nzones = ["all"]\n{more}\n'


@pytest.mark.parametrize(
    ("kind", "more", "allowed", "card"),
    [
        ("multicast", 'group = "239.255.12.0"', "localhost multicast", False),
        ("unicast", 'to = ["192.168.1.80:5004"]', "localhost 192.168.1.80", False),
        ("sip", 'uri = "sip:301@10.0.0.31:5060"', "localhost 10.0.0.31", False),
        ("sip", 'uri = "sip:301@horn.lan"', "localhost 10.0.0.0/8 172.", False),
        ("sound-card", "", "localhost", True),
    ],
)
def test_the_audio_process_reaches_its_speakers_alone(
    tmp_path: Path, kind: str, more: str, allowed: str, card: bool
) -> None:
    (tmp_path / "etc").mkdir()
    settings(tmp_path)
    with (tmp_path / "etc/yizhan/station.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + SPEAKER.format(kind=kind, more=more))
    made = load(tmp_path / "etc/yizhan")
    sound = msgspec.structs.replace(made.sound, speakers={kind: made.sound.speakers[kind]})
    only = msgspec.structs.replace(made, sound=sound)
    text = audio_dropin(only).text
    assert f"IPAddressAllow={allowed}" in text
    assert ("char-alsa" in text) is card
    assert ("PrivateDevices=yes" in text) is not card


def test_systemd_is_told_only_what_follows() -> None:
    def told(*changed: str, ready: bool = True) -> list[str]:
        asked = machine.orders(changed, settings=ready, kiosk="cog")
        return [" ".join(order.command) for order in asked]

    assert told() == []
    assert told("usr/lib/x.service", ready=False) == ["systemctl daemon-reload"]
    assert any("journald" in each for each in told("usr/lib/systemd/journald.conf.d/50"))
    assert "udevadm control --reload" in told("usr/lib/udev/rules.d/61-yizhan.rules")
    assert told(DROPIN)[-1].endswith("yizhan-kiosk-cog.service")

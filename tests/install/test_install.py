"""The installer below a root of its own: laid, laid again, taken away."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from gateway.cli import main
from gateway.config.load import load
from gateway.install import manifest, plan, systemctl
from gateway.install.due import worst_fit
from gateway.install.exposure import with_dropin
from gateway.install.sandbox import WHILE_WIRING, audio_dropin, gateway_dropin, is_tighter

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


def test_an_upgrade_goes_on_over_settings_that_the_version_before_took(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stricter findings are told, and the package is configured all the same."""
    settings(root)
    assert main(["install", "--root", str(root)]) == 0
    file = root / "etc/yizhan/station.toml"
    judged = '[rule.nobody]\nuse = "smoke"\non = ["di-hall.nowhere"]\nseverity = "critical"\n'
    for broken in (file.read_text("utf-8") + judged, "this = is no [toml\n"):
        file.write_text(broken, "utf-8")
        capsys.readouterr()
        assert main(["install", "--root", str(root), "--again"]) == 0
        said = capsys.readouterr().out
        assert "station.toml:" in said
        assert (root / DROPIN).exists()


METERS = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
KEYS = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BJ-if00-port0"


def settings(root: Path, change: tuple[str, str] = ("", "")) -> None:
    text = (ROOT / "config/station.example.toml").read_text("utf-8")
    if change[0] == METERS:  # both serial lines move, each to a port of its own
        text = text.replace(KEYS, change[1][:-1] + "2")
    text = text.replace(*change)
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
    listed = manifest.read_manifest(root)
    unit = root / "usr/lib/systemd/system/yizhan.service"
    whole = unit.read_bytes()
    unit.write_bytes(b"# of an older release\n")
    path = str(unit.relative_to(root))
    listed.note(manifest.ManifestEntry("file", path, manifest.file_digest(unit.read_bytes())))
    manifest.write_manifest(root, listed)
    assert install(root) == 0
    assert unit.read_bytes() == whole


def test_while_the_wiring_is_to_come_nothing_is_narrowed(root: Path) -> None:
    settings(root)
    install(root)
    narrowed = (root / DROPIN).read_text("utf-8")
    assert install(root, "--wiring") == 0
    lists = [line for line in (root / DROPIN).read_text("utf-8").splitlines() if "=" in line]
    assert lists == ["IPAddressAllow=any"]
    assert not (root / DROPIN.replace("yizhan.service", "yizhan-audio.service")).exists()
    assert install(root) == 0
    assert (root / DROPIN).read_text("utf-8") == narrowed


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


def test_a_name_is_enough_to_start(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ("--id", "fangzhuang-3", "--name", '方庄"三"区')
    assert install(root, *named) == 0
    said = capsys.readouterr().out
    assert "/setup/" in said
    made = load(root / "etc/yizhan")
    assert (made.station.id, made.station.name) == ("fangzhuang-3", '方庄"三"区')
    assert "PrivateDevices" not in (root / DROPIN).read_text("utf-8"), "the wiring is to come"
    assert install(root, *named) == 0
    assert "没有要做的" in capsys.readouterr().out
    assert install(root, "--id", "another") == 1
    assert "另一台驿站 fangzhuang-3" in capsys.readouterr().err
    assert install(root) == 0
    assert "PrivateDevices=yes" in (root / DROPIN).read_text("utf-8")


def test_an_upgrade_narrows_nothing_that_was_left_open_for_the_wiring(root: Path) -> None:
    install(root, "--id", "fangzhuang-3")
    wide = fingerprint(root)
    assert install(root, "--again") == 0
    assert fingerprint(root) == wide
    install(root)
    narrow = fingerprint(root)
    assert install(root, "--again") == 0
    assert fingerprint(root) == narrow != wide


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [(("--id", "方庄"), 2, "station.id"), (("--name", "方庄"), 1, "--id")],
)
def test_a_name_that_cannot_be_is_refused_before_the_first_step(
    root: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, said: str
) -> None:
    before = fingerprint(root)
    assert install(root, *more) == code
    assert said in capsys.readouterr().err
    assert fingerprint(root) == before


def test_what_was_asked_for_once_holds(root: Path) -> None:
    install(root)
    assert list(root.rglob("journald.conf.d"))
    install(root, "--keep-logs")
    install(root)
    assert not (root / "usr/lib/systemd/journald.conf.d/50-yizhan.conf").exists()
    install(root, "--no-keep-logs")
    assert (root / "usr/lib/systemd/journald.conf.d/50-yizhan.conf").exists()


def enabled_screens(root: Path) -> set[str]:
    """With what watches it."""
    wants = root / "etc/systemd/system/multi-user.target.wants"
    found = {path.name for path in wants.iterdir()}
    watch = {"yizhan-screen.path"}
    screens = {name for name in found if name.startswith("yizhan-kiosk-")}
    assert found & watch == (watch if screens else set())
    return screens


def test_one_screen_at_most_and_the_one_that_was_chosen(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(root, "--kiosk", "chromium")
    assert "apt-get install cage chromium" in capsys.readouterr().out
    policy = root / "etc/chromium/policies/managed/yizhan.json"
    assert policy.exists()
    install(root, "--kiosk", "cog")
    assert enabled_screens(root) == {"yizhan-kiosk-cog.service"}
    assert not policy.exists()
    install(root)
    assert enabled_screens(root) == {"yizhan-kiosk-cog.service"}
    install(root, "--kiosk", "none")
    assert enabled_screens(root) == set()


@pytest.mark.parametrize("kiosk", ["cog", "chromium"])
def test_the_screen_looks_where_the_page_is(root: Path, kiosk: str) -> None:
    settings(root, ("port = 8080", "port = 8181"))
    install(root, "--kiosk", kiosk)
    dropin = root / f"etc/systemd/system/yizhan-kiosk-{kiosk}.service.d/50-station.conf"
    said = dropin.read_text("utf-8")
    assert "ExecStart=\nExecStart=" in said
    assert "http://127.0.0.1:8181/kiosk/" in said
    assert "8080" not in said
    if kiosk == "chromium":
        policy = (root / "etc/chromium/policies/managed/yizhan.json").read_text("utf-8")
        assert "127.0.0.1:8181" in policy
        assert "8080" not in policy
    settings(root)
    install(root)
    assert not dropin.exists()


def test_a_drop_in_that_somebody_has_changed_is_not_taken_away_again_and_again(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(root)
    install(root)
    (root / DROPIN).write_text("# mine\n")
    install(root, "--wiring")
    capsys.readouterr()
    assert install(root, "--wiring") == 0
    assert "没有要做的" in capsys.readouterr().out
    assert (root / DROPIN).read_text() == "# mine\n"


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
    state = manifest.read_manifest(root).find("var/lib/yizhan")
    assert state is not None
    assert state.data
    assert not manifest.PLACE.startswith(state.path + "/")


RIDES = (
    'dispatch = ["platform", "desk"]',
    'dispatch = ["dispatcher"]\ndispatcher = { url = "https://8.8.8.8/rides" }',
)


@pytest.mark.parametrize(
    ("change", "there", "absent"),
    [
        (("", ""), ["DeviceAllow=char-ttyUSB rw", "IPAddressAllow=any"], ["char-ttyAMA"]),
        (
            (METERS, "/dev/ttyAMA0"),
            ["DeviceAllow=char-ttyAMA rw"],
            ["char-ttyUSB"],
        ),
        (
            (METERS, "socket://h:1"),
            ["PrivateDevices=yes"],
            ["char-tty", "dialout"],
        ),
        (("https://iot.example.cn", "https://8.8.4.4"), ["8.8.4.4"], ["=any"]),
        (("https://iot.example.cn", "https://10.1.2.3"), ["10.0.0.0/8"], ["=any", "10.1.2.3"]),
        (
            ("https://iot.example.cn", "https://10.1.2.3"),
            ["IPAddressAllow=localhost", "SocketBindAllow=ipv4:udp"],
            ["=any"],
        ),
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


def test_every_partner_that_the_settings_name_can_be_reached(tmp_path: Path) -> None:
    """The dispatcher of cars and a gateway of meters on the internet, not the platform alone."""
    (tmp_path / "etc").mkdir()
    settings(tmp_path, ("https://iot.example.cn", "https://10.1.2.3"))
    place = tmp_path / "etc/yizhan/station.toml"
    whole = place.read_text("utf-8")
    assert "8.8.8.8" not in gateway_dropin(load(place)).text
    place.write_text(whole.replace(*RIDES), "utf-8")
    assert "IPAddressAllow=localhost" in gateway_dropin(load(place)).text
    assert "8.8.8.8" in gateway_dropin(load(place)).text
    far = '[bus.far]\nkind = "modbus-tcp"\naddress = "meters.example.cn:502"\n'
    place.write_text(whole + far, "utf-8")
    made = gateway_dropin(load(place))
    assert "IPAddressAllow=any" in made.text
    assert [note.data["key"] for note in made.notes] == ["bus.far"]


def test_a_narrowing_is_too_tight_only_when_it_forbids(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    settings(tmp_path)
    whole = gateway_dropin(load(tmp_path / "etc/yizhan")).text
    assert not is_tighter(whole, whole)
    assert is_tighter(whole.replace("DeviceAllow=char-ttyUSB rw", "PrivateDevices=yes"), whole)
    assert is_tighter(whole.replace("SocketBindAllow=tcp:8080\n", ""), whole)
    near = "[Service]\nIPAddressAllow=localhost 10.0.0.0/8 fd00::/8\n"
    for address in ("10.1.2.3", "10.1.0.0/16", "fd00::7", "localhost"):
        assert not is_tighter(near, f"IPAddressAllow={address}\n"), address
    for address in ("11.1.2.3", "0.0.0.0/0", "fe80::7", "multicast", "any"):
        assert is_tighter(near, f"IPAddressAllow={address}\n"), address
    assert is_tighter(whole.replace("=any", "=localhost"), whole)
    assert not is_tighter(whole, whole.replace("=any", "=localhost 10.0.0.0/8"))
    assert not is_tighter(whole + "DeviceAllow=char-alsa rw\n", whole)
    unit = (ROOT / "systemd/yizhan.service").read_text("utf-8")
    assert is_tighter(unit, with_dropin(unit, whole)), "as shipped, no platform on the internet"
    assert not is_tighter(with_dropin(unit, WHILE_WIRING.text), with_dropin(unit, whole))


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
    own = {"speakers": {kind: made.sound.speakers[kind]}, "microphones": {}}
    sound = msgspec.structs.replace(made.sound, **own)
    only = msgspec.structs.replace(made, sound=sound)
    text = audio_dropin(only).text
    assert f"IPAddressAllow={allowed}" in text
    assert ("char-alsa" in text) is card
    assert ("PrivateDevices=yes" in text) is not card


def test_it_is_due_again_when_the_settings_need_another_sandbox_and_not_before(root: Path) -> None:
    config = root / "etc/yizhan"

    def fit(where: Path = config) -> str:
        return worst_fit(load(where), where, root)

    settings(root)
    assert fit() == "fits", "nothing is installed that could be narrowed"
    install(root, "--wiring")
    assert fit() == "loose"
    install(root)
    assert fit() == "fits"
    settings(root, ('name = "3号楼总电表"', 'name = "总表"'))
    assert fit() == "fits", "a name needs no sandbox"
    settings(root, ("port = 8080", "port = 8181"))
    assert fit() == "tight"
    install(root)
    assert fit() == "fits"
    elsewhere = root / "copy"
    elsewhere.mkdir()
    (elsewhere / "station.toml").write_text((ROOT / "config/station.example.toml").read_text())
    assert fit(elsewhere) == "fits", "a copy is not what runs here"


@pytest.mark.parametrize("command", [("check",), ("settings", "apply", "--why", "a name")])
@pytest.mark.parametrize("due", ["fits", "loose", "tight"])
def test_the_command_line_says_that_it_is_due(
    tmp_path: Path, due: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "etc").mkdir()
    settings(tmp_path)
    monkeypatch.setattr("gateway.install.due.worst_fit", lambda *_: due)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "nobody"))
    assert main([*command, "--config", str(tmp_path / "etc/yizhan")]) == 0
    assert ("以 root 运行" in capsys.readouterr().out) is (due != "fits")


def test_a_microphone_is_a_sound_card_too(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    settings(tmp_path)
    made = load(tmp_path / "etc/yizhan")
    assert made.sound.microphones, "the example has one"
    sound = msgspec.structs.replace(made.sound, speakers={})
    only = msgspec.structs.replace(made, sound=sound)
    assert "DeviceAllow=char-alsa rw" in audio_dropin(only).text


def test_systemd_is_told_only_what_follows() -> None:
    def told(*changed: str, ready: bool = True) -> list[str]:
        asked = systemctl.systemctl_commands(changed, settings=ready, kiosk="cog")
        return [" ".join(order.command) for order in asked]

    assert told() == []
    assert told("usr/lib/x.service", ready=False) == ["systemctl daemon-reload"]
    assert any("journald" in each for each in told("usr/lib/systemd/journald.conf.d/50"))
    assert "udevadm control --reload" in told("usr/lib/udev/rules.d/61-yizhan.rules")
    assert told(DROPIN)[-1].endswith("yizhan-screen.path yizhan-kiosk-cog.service")
    assert "systemctl daemon-reexec" in told(plan.WATCHDOG)

"""The packaged station under systemd itself, booted in namespaces: what the units promise, kept.

Nothing is applied by hand here: order at boot, watchdog, restart, sandbox, addresses, a screen that
is started anew, and a package over the running one are all a machine's own systemd's doing.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.proof import debian
from tests.proof.booted import Booted, booted

pytestmark = [pytest.mark.proof, pytest.mark.full]

ROOT = Path(__file__).parents[2]
GATEWAY, AUDIO = "yizhan.service", "yizhan-audio.service"
WATCH, ANEW, SCREEN = "yizhan-screen.path", "yizhan-screen.service", "yizhan-kiosk-cog.service"
OTHER_SCREEN = "yizhan-kiosk-chromium.service"
# The platform on the community's network, and on the internet.
NEAR, FAR = "10.9.0.1", "8.8.8.8"

PORT, METER = 9080, 1502
SETTINGS = """\
schema = 1
[station]
id = "proof-01"
name = "验收站"
[journal]
quota_mb = 32
[zone.hall]
name = "大厅"
places = [""]
sound = "indoors"
[kiosk.hall]
zone = "hall"
[speaker.horn]
kind = "multicast"
zones = ["hall"]
group = "239.255.12.0"
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:{meter}"
[device.m1]
name = "表1"
profile = "eastron-sdm120"
bus = "box"
address = "1"
place = ""
every_s = 1
[upstream.district]
kind = "http"
url = "http://{platform}:{port}/"
plain = true
"""
BROWSER = "#!/bin/sh\nexec sleep infinity\n"
# The tree has no screen: a stand-in for the browser, which needs no console.
NO_SEAT = """\
[Unit]
ConditionPathExists=
[Service]
PAMName=
TTYPath=
StandardInput=null
SupplementaryGroups=
"""

IMPATIENT = "[Service]\nWatchdogSec=4\n"
PROBES = """\
import errno, json, shutil, socket, subprocess, sys
def refused(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno, "silence")
    return "let through"
def connect(host):
    with socket.create_connection((host, %d), 3):
        pass
def bind(port):
    with socket.socket() as door:
        door.bind(("127.0.0.1", port))
def run():
    shutil.copy("/usr/bin/true", "/var/lib/yizhan/true")
    subprocess.run(["/var/lib/yizhan/true"], check=True)
print(json.dumps({
    "near": refused(lambda: connect("%s")), "far": refused(lambda: connect("%s")),
    "own port": refused(lambda: bind(8080)), "another port": refused(lambda: bind(8099)),
    "a program of its own": refused(run), "the kernel's log": refused(lambda: open("/dev/kmsg")),
    "the disk": refused(lambda: open("/usr/x", "w")),
    "another's folder": refused(lambda: open("/run/systemd/private")),
}), flush=True)
"""
NO = {"EPERM", "EACCES", "EROFS", "ENOENT", "silence"}


class Machine:
    """A booted station, with what happens to it."""

    def __init__(self, tree: Booted) -> None:
        self.tree = tree
        self.run = tree.run
        self.until = tree.until
        for address in (NEAR, FAR):
            subprocess.run(
                tree.beside("ip", "address", "add", f"{address}/32", "dev", "lo"), check=True
            )

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file inside; what lies in /run is the booted one's alone."""
        script = 'mkdir -p "${1%/*}" && printf %s "$2" >"$1" && chmod "$3" "$1"'
        self.run("sh", "-ec", script, "sh", path, text, f"{mode:o}")

    def settle(self, platform: str) -> None:
        """Settings for a platform at that address."""
        text = SETTINGS.format(meter=METER, platform=platform, port=PORT)
        self.write("/etc/yizhan/station.toml", text, 0o644)

    def platform(self) -> list[dict[str, Any]]:
        """The lanes that the platform holds."""
        asked = f"http://{NEAR}:{PORT}/api/state"
        ran = subprocess.run(
            self.tree.beside("curl", "--silent", "--max-time", "5", asked),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lanes: list[dict[str, Any]] = json.loads(ran.stdout)["lanes"] if ran.stdout else []
        return lanes

    def receipted(self) -> int:
        """How many readings the platform has."""
        return sum(each["upto"] for each in self.platform() if each["lane"] == "telemetry")

    def reads_on(self) -> None:
        """Wait for a new receipted reading; no number may be missing before it."""
        before = self.receipted()
        self.until(lambda: self.receipted() > before, "no reading was receipted")
        assert [each for each in self.platform() if each["holes"]] == []

    def signal(self, unit: str, number: signal.Signals) -> int:
        """To a unit's main process; which that was."""
        was = self.tree.main_pid(unit)
        self.run("systemctl", "kill", "--kill-whom=main", f"--signal={number.name}", unit)
        return was

    def another(self, unit: str, was: int, within_s: float = 60.0) -> None:
        """Wait for another main process of a unit."""
        self.until(
            lambda: self.tree.main_pid(unit) not in (0, was), f"{unit} is as it was", within_s
        )


@contextmanager
def beside(tree: Booted, *command: str) -> Iterator[None]:
    """A program of the checkout in the tree's network."""
    with subprocess.Popen(
        tree.beside(sys.executable, "-m", *command), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=[12, 13])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Installed while systemd runs, switched off, and booted with all that it needs beside it."""
    release: int = request.param
    folder = tmp_path_factory.mktemp("booted")
    deb = debian.package(release, "amd64", folder)
    tree = debian.bare(release, folder, [*debian.needs(deb), "chrony"])
    # The machine's own clock is not ours to hold: chronyd is started by hand, with -x.
    for unit in ("chrony.service", "chrony-wait.service"):  # that would hold up the boot for it
        (tree.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (tree.root / "srv/yizhan.deb").write_bytes(deb.read_bytes())
    with booted(tree) as first:
        fresh = Machine(first)
        fresh.run("dpkg", "--install", "/srv/yizhan.deb")
        fresh.settle(NEAR)
        fresh.write("/usr/bin/cog", BROWSER, 0o755)
        fresh.write(f"/etc/systemd/system/{SCREEN}.d/90-proof.conf", NO_SEAT)
        fresh.run("yizhan", "install", "--kiosk", "cog")
    with booted(tree) as again, ExitStack() as outside:
        made = Machine(again)
        emulate = ("gateway.cli", "emulate", "eastron-sdm120", "--tcp", f"127.0.0.1:{METER}")
        outside.enter_context(beside(again, *emulate))
        platform = ("gateway.demo.platform", "--host", "0.0.0.0", "--port", str(PORT))
        outside.enter_context(beside(again, *platform, "--dir", str(folder / "platform")))
        print(f"\nDebian {release}: {made.run('systemctl', '--version').splitlines()[0]}")
        yield made


def test_it_comes_up_by_itself_and_the_audio_process_has_its_priority(machine: Machine) -> None:
    machine.reads_on()
    assert machine.tree.show(OTHER_SCREEN, "ActiveState") == "inactive"
    for unit in (GATEWAY, AUDIO, SCREEN, WATCH):
        assert machine.tree.show(unit, "ActiveState") == "active", unit
        assert machine.tree.show(unit, "NRestarts") in ("0", ""), unit
    begun = [
        int(machine.tree.show(unit, "ExecMainStartTimestampMonotonic"))
        for unit in ("yizhan-prepare.service", GATEWAY)
    ]
    assert begun == sorted(begun)
    plan = machine.run("cat", f"/proc/{machine.tree.main_pid(AUDIO)}/sched")
    numbers = dict(line.replace(" ", "").split(":") for line in plan.splitlines() if ":" in line)
    assert (numbers["policy"], numbers["prio"]) == ("1", str(99 - 20)), "SCHED_FIFO, 20"


def test_a_killed_gateway_and_one_that_hangs_are_back(machine: Machine) -> None:
    was = machine.signal(GATEWAY, signal.SIGKILL)
    machine.another(GATEWAY, was)
    machine.reads_on()
    machine.write(f"/run/systemd/system/{GATEWAY}.d/90-proof.conf", IMPATIENT)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", GATEWAY)
    machine.reads_on()
    was = machine.signal(GATEWAY, signal.SIGSTOP)
    machine.another(GATEWAY, was)
    machine.reads_on()
    assert machine.tree.show(GATEWAY, "NRestarts") == "1", "since the last start by hand"
    assert machine.tree.show(AUDIO, "NRestarts") == "0", "the loudspeakers' clock goes on"


def test_the_sandbox_lets_through_what_the_settings_name_and_nothing_else(
    machine: Machine,
) -> None:
    """Asked from within the unit, before the gateway itself starts."""
    probes = PROBES % (PORT, NEAR, FAR)
    machine.write("/opt/probes.py", probes)
    asks = "[Service]\nExecPaths=/opt\nExecStartPre=/opt/yizhan/bin/python /opt/probes.py\n"
    machine.write(f"/run/systemd/system/{GATEWAY}.d/91-proof.conf", asks)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", GATEWAY)
    said = machine.run("journalctl", "--no-pager", "-o", "cat", "-u", GATEWAY, "-g", '"near"')
    found = json.loads(said.splitlines()[-1])
    print(found)
    assert found.pop("near") == "let through"
    assert found.pop("own port") == "let through"
    if "-BPF_FRAMEWORK" in machine.run("systemctl", "--version"):
        assert found.pop("another port") == "let through", "as docs/security.md says of Debian 12"
    assert {what: no for what, no in found.items() if no not in NO} == {}
    machine.run("rm", f"/run/systemd/system/{GATEWAY}.d/91-proof.conf")
    machine.run("systemctl", "daemon-reload")


# One chronyd serves its own crystal, the other follows it and tells of it at its usual port.
CHRONY = {
    "serves": "local stratum 3\nport 11123\ncmdport 0\nallow 127.0.0.1\n",
    "follows": "server 127.0.0.1 port 11123 iburst minpoll -2 maxpoll 0\nport 0\n",
}


def test_chronyd_is_ntp_within_the_sandbox(machine: Machine) -> None:
    def source() -> str:
        """What the running station's time rests on."""
        findings = json.loads(machine.run("yizhan", "doctor", "--json", code=None))["findings"]
        (message,) = [each["message"] for each in findings if each["check"] == "clock"]
        return str(message)

    machine.reads_on()
    assert "网络校时" not in source()
    for name, settings in CHRONY.items():
        machine.write(f"/run/{name}.conf", f"{settings}pidfile /run/{name}.pid\n")
        machine.run("chronyd", "-x", "-u", "root", "-f", f"/run/{name}.conf")
    machine.until(lambda: "网络校时" in source(), "nobody has heard chronyd")
    for name in CHRONY:
        machine.run("sh", "-ec", f"kill $(cat /run/{name}.pid)")


def test_a_platform_far_away_is_reached_once_the_installer_was_run_again(machine: Machine) -> None:
    machine.reads_on()
    machine.settle(FAR)
    machine.run("systemctl", "restart", GATEWAY)
    machine.until(lambda: "uplink district" in machine.run("journalctl", "-u", GATEWAY, "-n", "3"),
                  "the platform was not tried")  # fmt: skip
    before = machine.receipted()
    said = machine.run("yizhan", "doctor", code=1)
    assert "yizhan.service 的隔离不许用" in said
    assert "以 root 运行 yizhan install" in machine.run("yizhan", "check")
    assert machine.receipted() == before, "systemd let it out"
    machine.run("yizhan", "install")
    machine.until(lambda: machine.receipted() > before, "the platform was not reached")
    assert "以 root 运行 yizhan install" not in machine.run("yizhan", "check")
    machine.settle(NEAR)
    machine.run("yizhan", "install")
    machine.reads_on()


def test_a_silent_screen_is_started_anew_by_the_gateways_word_alone(machine: Machine) -> None:
    was = machine.tree.main_pid(SCREEN)
    asks = ("setpriv", "--reuid=yizhan", "--regid=yizhan", "--clear-groups", "sh", "-c",
            "echo hall >/run/yizhan/screen-silent")  # fmt: skip
    for _ in range(3):  # made, and written again
        machine.run(*asks)
        machine.another(SCREEN, was)
        was = machine.tree.main_pid(SCREEN)
        machine.until(lambda: machine.tree.show(ANEW, "ActiveState") == "inactive", "it goes on")
    machine.run("systemctl", "restart", GATEWAY)
    machine.reads_on()
    machine.run("systemctl", "stop", GATEWAY)
    machine.run("systemctl", "start", GATEWAY)
    assert machine.tree.main_pid(SCREEN) == was, "the gateway's own coming and going asks nothing"
    machine.run("systemctl", "stop", SCREEN)
    machine.run(*asks)
    machine.until(lambda: machine.tree.show(ANEW, "ActiveState") == "inactive", "it goes on")
    assert machine.tree.main_pid(SCREEN) == 0, "a screen that somebody has stopped stays dark"
    machine.run("systemctl", "start", SCREEN)
    assert machine.tree.show(WATCH, "ActiveState") == "active"


def test_a_package_over_the_running_one_starts_the_new_program(machine: Machine) -> None:
    machine.reads_on()
    units = (GATEWAY, AUDIO, SCREEN)
    was = {unit: machine.tree.main_pid(unit) for unit in units}
    machine.run("dpkg", "--install", "/srv/yizhan.deb")
    for unit in units:
        machine.another(unit, was[unit])
    machine.reads_on()
    assert machine.tree.show(WATCH, "ActiveState") == "active"


def test_given_back_nothing_of_it_runs_any_more(machine: Machine) -> None:
    machine.run("dpkg", "--purge", "yizhan")
    listed = machine.run("systemctl", "list-units", "--no-legend", "--no-pager", "yizhan*")
    assert [line for line in listed.splitlines() if "not-found" not in line] == []

"""From the package on a bare Debian to the first receipted reading, every step twice, and back.

The station runs under its own unit's sandbox, by hand (tests/proof/sandbox.py), memory and tasks
too; under systemd itself it runs in test_booted.py. What is measured is this machine, not a Pi.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from tests.ports import free_port
from tests.proof import debian, sandbox

pytestmark = [pytest.mark.proof, pytest.mark.full]

ROOT = Path(__file__).parents[2]
SETTINGS = """\
schema = 1
[station]
id = "proof-01"
name = "验收站"
[journal]
quota_mb = 32
[web]
port = {web}
lan_port = 0
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
url = "http://127.0.0.1:{platform}/"
"""
FULL_STACK = """\
import asyncio, importlib, pkgutil, sys, wave
import bleak, pyaudio, zeroconf, aiohttp, cryptography, msgspec, serial, tomlkit, G722
count = 0
for room in ("gateway", "drivers", "broadcast", "kiosk"):
    for found in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
            count += 1
from broadcast.clips.limited_program import ProcessLimits, run_limited
from broadcast.voice.espeak import VOICES
async def spoken():
    await run_limited(["espeak-ng", "-v", VOICES["zh"], "-w", "/tmp/a.wav", "你好"],
                     ProcessLimits())
    await run_limited(["ffmpeg", "-v", "error", "-i", "/tmp/a.wav", "-ar", "16000", "/tmp/b.wav"],
                     ProcessLimits())
asyncio.run(spoken())
frames = wave.open("/tmp/b.wav").getnframes()
assert frames > 8000, frames
for attempt in ("open('/usr/x', 'w')", "__import__('os').chroot('/')",
                "__import__('socket').socket(16, 2).close() or __import__('socket').socket(17, 3)",
                "open('/proc/meminfo')", "__import__('time').clock_settime(0, 0)",
                "__import__('mmap').mmap(-1, 4096, prot=7)"):
    try:
        eval(attempt)
    except OSError:
        continue
    sys.exit("the sandbox let through: " + attempt)
print(count)
"""


class Steps:
    """What was done, and how long each took the first and the second time."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    def twice(self, name: str, step: Callable[[], str]) -> tuple[str, str]:
        said, took = [], []
        for _ in range(2):
            began_s = time.monotonic()
            said.append(step())
            took.append(time.monotonic() - began_s)
        self.rows.append((name, took[0], took[1]))
        return said[0], said[1]

    def show(self) -> None:
        print(f"\n{'step':38} {'first':>8} {'again':>8}")
        for name, first, again in self.rows:
            print(f"{name:38} {first:7.2f}s {again:7.2f}s")


@contextmanager
def program(*command: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A program of ours beside the tree, ended afterwards."""
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environ},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.fixture(autouse=True)
def groups() -> Iterator[None]:
    """The control groups of ended sandboxes go; one that still holds a process stays."""
    yield
    for group in sandbox.CGROUPS.glob(f"*/{sandbox.GROUP}*"):
        with suppress(OSError):
            group.rmdir()


@pytest.fixture(scope="module", params=[12, 13])
def release(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    print(f"\nDebian {number}")
    return number


@pytest.fixture(scope="module")
def deb(release: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debian.package(release, "amd64", tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def tree(release: int, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> debian.Tree:
    return debian.bare(release, tmp_path_factory.mktemp("tree"), debian.needs(deb))


def receipted(platform: int) -> int:
    """How far the platform has receipted the readings; 0 while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{platform}/api/state", timeout=2) as answer:
            state: dict[str, Any] = json.load(answer)
    except OSError:
        return 0
    return max((each["upto"] for each in state["lanes"] if each["lane"] == "telemetry"), default=0)


def sandboxed(
    tree: debian.Tree, *command: str, unit_name: str = "yizhan.service"
) -> tuple[str, ...]:
    unit = str(tree.root / "usr/lib/systemd/system" / unit_name)
    wrap = ("unshare", "--mount", sys.executable, "-m", "tests.proof.sandbox", unit)
    return (*wrap, str(tree.root), "--", *command)


UNIT_ENVIRONMENT = {
    "RUNTIME_DIRECTORY": "/run/yizhan",
    "STATE_DIRECTORY": "/var/lib/yizhan",
    "CONFIGURATION_DIRECTORY": "/etc/yizhan",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/var/lib/yizhan",
}


def run_until_receipted(tree: debian.Tree, platform: int, beyond: int) -> float:
    """Start the station in its sandbox, wait for a new receipted reading, stop it; the seconds."""
    began_s = time.monotonic()
    command = sandboxed(tree, "/opt/yizhan/bin/yizhan", "run", "--config", "/etc/yizhan")
    with program(*command, **UNIT_ENVIRONMENT) as station:
        while receipted(platform) <= beyond:
            ended = station.poll()
            assert ended is None, station.stdout and station.stdout.read()
            assert time.monotonic() - began_s < 60
            time.sleep(0.05)
        took_s = time.monotonic() - began_s
        asked_s = time.monotonic()
        station.send_signal(signal.SIGTERM)
        assert station.wait(10) == 0
        assert time.monotonic() - asked_s < 3
    return took_s


def test_from_the_package_to_the_first_receipted_reading_and_back(
    deb: Path, tree: debian.Tree, tmp_path: Path
) -> None:
    steps, bare = Steps(), tree.fingerprint()
    web, meter, platform = free_port(), free_port(), free_port()
    (tree.root / "tmp/yizhan.deb").write_bytes(deb.read_bytes())
    began_s = time.monotonic()
    steps.twice("dpkg --install", lambda: tree.run("dpkg", "--install", "/tmp/yizhan.deb"))
    _, again = steps.twice("yizhan install, no settings yet", lambda: tree.run("yizhan", "install"))
    assert "没有要做的" in again

    settings = SETTINGS.format(web=web, meter=meter, platform=platform)
    (tree.root / "etc/yizhan/station.toml").write_text(settings, "utf-8")
    first, _ = steps.twice("yizhan check", lambda: tree.run("yizhan", "check"))
    assert "表1" in first
    first, again = steps.twice(
        "yizhan install, with settings", lambda: tree.run("yizhan", "install")
    )
    assert "50-station.conf" in first
    assert "没有要做的" in again

    plays = (sys.executable, "-m", "gateway.cli", "emulate", "eastron-sdm120")
    serves = (sys.executable, "-m", "gateway.demo.platform", "--port", str(platform))
    with (
        program(*plays, "--tcp", f"127.0.0.1:{meter}"),
        program(*serves, "--dir", str(tmp_path / "platform")),
    ):
        reads = run_until_receipted(tree, platform, 0)
        whole_s = time.monotonic() - began_s
        more = run_until_receipted(tree, platform, receipted(platform))
    steps.rows.append(("start to a receipted reading, sandboxed", reads, more))

    _, again = steps.twice("yizhan uninstall", lambda: tree.run("yizhan", "uninstall"))
    assert "没有要做的" in again
    assert (tree.root / "var/lib/yizhan/journal.db").exists()
    tree.run("yizhan", "install")
    purge = ("yizhan", "uninstall", "--purge")
    _, again = steps.twice("yizhan uninstall --purge", lambda: tree.run(*purge))
    assert "没有要做的" in again
    steps.twice("dpkg --purge", lambda: tree.run("dpkg", "--purge", "yizhan"))
    steps.show()
    print(f"package to first receipted reading: {whole_s:.1f} s")
    left = tree.fingerprint()
    differing = {path for path in bare.keys() | left.keys() if bare.get(path) != left.get(path)}
    assert differing == set()
    print(f"tree given back: {len(bare)} paths, hash for hash")


def test_the_full_stack_lives_within_the_units_limits(deb: Path, tree: debian.Tree) -> None:
    (tree.root / "tmp/yizhan.deb").write_bytes(deb.read_bytes())
    tree.run("dpkg", "--install", "/tmp/yizhan.deb")
    ran = subprocess.run(
        sandboxed(tree, "/opt/yizhan/bin/python", "-c", FULL_STACK),
        cwd=ROOT, env=UNIT_ENVIRONMENT, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    tree.run("dpkg", "--purge", "yizhan")
    assert ran.returncode == 0, ran.stdout
    print(f"\n{ran.stdout.strip()} modules imported, speech made, 6 ways out refused")
    assert int(ran.stdout.split()[-1]) > 150


def test_every_verb_runs_from_the_package_and_the_tools_come_beside(
    deb: Path, tree: debian.Tree
) -> None:
    """`--help` of each; what plays devices is in `yizhan-tools`, which goes without a trace."""
    tools = debian.tools_beside(deb)
    for name, package in {"yizhan.deb": deb, "tools.deb": tools}.items():
        (tree.root / "tmp" / name).write_bytes(package.read_bytes())
    tree.run("dpkg", "--install", "/tmp/yizhan.deb")
    before = tree.fingerprint()
    for verb in cli.COMMANDS:
        for lang in ("zh_CN.UTF-8", "en_US.UTF-8"):
            code = 2 if verb in cli.TOOLS else 0
            said = tree.run("yizhan", verb, "--help", code=code, LC_ALL=lang)
            assert f"yizhan {verb}" in said
            assert ("yizhan-tools" in said and said.count("\n") == 1) is (verb in cli.TOOLS)

    tree.run("dpkg", "--install", "/tmp/tools.deb")
    for verb in cli.TOOLS:
        tree.run("yizhan", verb, "--help")
    assert "eastron-sdm120" in tree.run("yizhan", "emulate", "--json")
    for module in ("gateway.demo.platform", "gateway.demo.dispatcher", "drivers.ble.emulator"):
        tree.run("/opt/yizhan/bin/python", "-m", module, "--help")
    checked = "from gateway.doctor.probes import foreign_packages as f; print(f())"
    assert tree.run("/opt/yizhan/bin/python", "-c", checked).strip() == "{}"
    tree.run("dpkg", "--purge", "yizhan-tools")
    left = tree.fingerprint()
    assert {
        path for path in before.keys() | left.keys() if before.get(path) != left.get(path)
    } == set()
    tree.run("dpkg", "--purge", "yizhan")
    print(f"\n{len(cli.COMMANDS)} verbs say their help; the tools came and went")


def test_the_loudspeakers_clock_lives_within_its_units_limits(deb: Path, tree: debian.Tree) -> None:
    """It opens its door to the gateway, and closes it when it is told to end."""
    (tree.root / "tmp/yizhan.deb").write_bytes(deb.read_bytes())
    tree.run("dpkg", "--install", "/tmp/yizhan.deb")
    command = ("/opt/yizhan/bin/yizhan", "audio", "-v")
    wrapped = sandboxed(tree, *command, unit_name="yizhan-audio.service")
    door = tree.root / "run/yizhan/audio.sock"
    began_s = time.monotonic()
    with program(*wrapped, **UNIT_ENVIRONMENT) as audio:
        while not door.exists():
            assert audio.poll() is None, audio.stdout and audio.stdout.read()
            assert time.monotonic() - began_s < 30
            time.sleep(0.05)
        took_s = time.monotonic() - began_s
        audio.send_signal(signal.SIGTERM)
        assert audio.wait(10) == 0
    tree.run("dpkg", "--purge", "yizhan")
    print(f"\naudio listens after {took_s:.1f} s")


def dialogues(page: str) -> Iterator[tuple[str, str]]:
    """Each command that a page shows with an answer, as root types it."""
    for block in re.findall(r"^```\n(# .*?)^```", page, re.MULTILINE | re.DOTALL):
        for each in re.split(r"^# ", block, flags=re.MULTILINE)[1:]:
            command, _, answer = each.partition("\n")
            if answer.strip():
                yield command, answer.strip()


def test_the_handbook_shows_what_a_run_says(deb: Path, tree: debian.Tree, release: int) -> None:
    if release != 12:  # the page is of Debian 12
        return
    page = (ROOT / "docs/install.md").read_text("utf-8")
    (tree.root / "tmp" / deb.name).write_bytes(deb.read_bytes())
    (settings,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = list(dialogues(page))
    for command, answer in shown:
        if command == "yizhan check":  # the other way: from the package to settings by hand
            tree.run("yizhan", "uninstall", "--purge")
            tree.run("yizhan", "install")
            (tree.root / "etc/yizhan/station.toml").write_text(settings, "utf-8")
        here = command.replace(" -y ./", " -y --no-install-recommends /tmp/").split()
        said = tree.run(*here, LC_ALL="en_US.UTF-8", LANG="en_US.UTF-8")
        assert answer in said, f"# {command}\n{said}"
    tree.run("dpkg", "--purge", "yizhan")
    print(f"\n{len(shown)} commands of docs/install.md answered word for word")
    assert len(shown) >= 8


@pytest.mark.parametrize("release", [12, 13])
def test_the_pis_package_holds_what_it_should(release: int, tmp_path: Path) -> None:
    """Not run here: the machine code is of the right kind, and nothing that is needed is absent."""
    deb = debian.package(release, "arm64", tmp_path)
    assert debian.field(deb, "Architecture") == "arm64"
    python = {12: "3.11", 13: "3.13"}[release]
    assert f"python3 (>= {python})" in debian.field(deb, "Depends")
    subprocess.run(["dpkg-deb", "--extract", str(deb), str(tmp_path / "out")], check=True)
    site = tmp_path / f"out/opt/yizhan/lib/python{python}/site-packages"
    aarch64 = 183  # e_machine
    libraries = list(site.rglob("*.so"))
    assert len(libraries) > 20
    wrong = [
        path.name
        for path in libraries
        if int.from_bytes(path.read_bytes()[18:20], "little") != aarch64
        or ("cpython-" in path.name and f"cpython-{python.replace('.', '')}" not in path.name)
    ]
    assert wrong == []
    there = {path.name.split("-")[0].lower().replace("_", "-") for path in site.glob("*.dist-info")}
    wanted = {
        "aiohttp",
        "msgspec",
        "cryptography",
        "zeroconf",
        "bleak",
        "g722",
        "yizhan",
        "pyserial",
    }
    assert wanted <= there
    assert ("audioop-lts" in there) is (release == 13)
    assert not {"pyaudio", "pymodbus"} & there
    tools = debian.tools_beside(deb)
    assert debian.field(tools, "Depends") == f"yizhan (= {debian.field(deb, 'Version')})"
    told = json.loads((tmp_path / "out/usr/share/doc/yizhan/sbom.cdx.json").read_text("utf-8"))
    assert told["specVersion"] == "1.6"
    assert {part["name"] for part in told["components"]} == there - {"yizhan"}
    assert all(part["purl"].startswith("pkg:pypi/") for part in told["components"])

"""The task script: pip's index settings hold for uv as well."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repository.code_tree import ROOT

SHOWN = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_INDEX_STRATEGY")
CONF = """\
[global]
index-url = https://mirror.invalid/simple
extra-index-url =
    https://one.invalid/simple
    https://two.invalid/simple
[install]
find-links = /srv/wheels /srv/more
"""


def run(command: list[str], **environ: str) -> str:
    """Run it with no settings of this machine's."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))
    }
    ran = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True,
        env=kept | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"} | environ,
    )  # fmt: skip
    return ran.stdout


def told(tmp_path: Path, then: str, **environ: str) -> str:
    """What a script prints that has told uv what pip knows."""
    functions = (ROOT / "dev").read_text("utf-8").partition("\ntask=")[0]
    script = tmp_path / "dev"
    script.write_text(f"{functions}\nuv_finds_what_pip_finds {sys.executable}\n{then}", "utf-8")
    return run(["bash", str(script)], **environ)


def settings(tmp_path: Path, **environ: str) -> dict[str, str]:
    """What uv is told of its indexes."""
    show = '[ -z "${!name:-}" ] || echo "$name=${!name}"'
    printed = told(tmp_path, f"for name in {' '.join(SHOWN)}; do {show}; done\n", **environ)
    return dict(line.split("=", 1) for line in printed.splitlines())


def test_pips_environment_is_uvs(tmp_path: Path) -> None:
    assert settings(tmp_path) == {}
    assert settings(
        tmp_path,
        PIP_INDEX_URL="https://mirror.invalid/simple",
        PIP_EXTRA_INDEX_URL="https://one.invalid/simple https://two.invalid/simple",
        PIP_FIND_LINKS="/srv/wheels /srv/more",
        PIP_NO_INDEX="1",
    ) == {
        "UV_DEFAULT_INDEX": "https://mirror.invalid/simple",
        "UV_INDEX": "https://one.invalid/simple https://two.invalid/simple",
        "UV_FIND_LINKS": "/srv/wheels,/srv/more",
        "UV_NO_INDEX": "1",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_pips_configuration_comes_after_its_environment_and_uvs_own_first(tmp_path: Path) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text(CONF, "utf-8")
    assert settings(
        tmp_path,
        PIP_CONFIG_FILE=str(conf),
        PIP_INDEX_URL="https://near.invalid/simple",
        UV_FIND_LINKS="/srv/own",
    ) == {
        "UV_DEFAULT_INDEX": "https://near.invalid/simple",
        "UV_INDEX": "https://one.invalid/simple https://two.invalid/simple",
        "UV_FIND_LINKS": "/srv/own",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


@pytest.mark.parametrize("how", ["environment", "file"])
def test_uv_installs_from_pips_folder_of_wheels(tmp_path: Path, how: str) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "yizhan_sample-1.0.dist-info"
    with zipfile.ZipFile(wheels / "yizhan_sample-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("yizhan_sample.py", "")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: yizhan-sample\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"yizhan_sample.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    if how == "file":
        conf = tmp_path / "pip.conf"
        conf.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n", "utf-8")
        environ = {"PIP_CONFIG_FILE": str(conf)}
    else:
        environ = {"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": str(wheels)}
    out = tmp_path / "out"
    uv = Path(sys.executable).with_name("uv")
    told(tmp_path, f"{uv} pip install --quiet --no-cache --target {out} yizhan-sample", **environ)
    assert (out / "yizhan_sample.py").exists()

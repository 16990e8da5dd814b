"""Every file says under which licence it stands, as the REUSE specification asks."""

import subprocess
import sys

from tests.repository.code_tree import ROOT


def test_every_file_has_its_licence() -> None:
    command = [sys.executable, "-m", "reuse", "--root", str(ROOT), "lint", "--lines"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr

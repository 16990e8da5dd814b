"""Every branch of the meters' families is taken by their own tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = ("dlt645", "cjt188")
PARTS = ("codec", "values", "reading", "driver")


@pytest.mark.slow
def test_every_branch_is_taken(tmp_path) -> None:
    tests = [f"tests/drivers/test_{family}_{part}.py" for family in FAMILIES
             for part in ("codec", "driver")]  # fmt: skip
    files = [f"drivers/{family}/{part}.py" for family in FAMILIES for part in PARTS]
    shared = ["drivers/measure.py", "drivers/search.py"]
    coverage = [sys.executable, "-m", "coverage"]
    store = f"--data-file={tmp_path / 'coverage'}"
    measured = "--source=drivers.dlt645,drivers.cjt188,drivers.measure,drivers.search"
    run = [*coverage, "run", store, "--branch", measured, "-m", "pytest", "-q", *tests]
    ran = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    include = "--include=" + ",".join(file for file in files + shared if (ROOT / file).exists())
    report = [*coverage, "report", store, "-m", "--fail-under=100", include]
    shown = subprocess.run(report, cwd=ROOT, capture_output=True, text=True, check=False)
    print(shown.stdout)
    assert shown.returncode == 0, shown.stdout

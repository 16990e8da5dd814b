"""Every branch of every family's codec, and of the meters' drivers, is taken by its own tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METERS = {
    f"drivers/{family}/{part}.py"
    for family in ("dlt645", "cjt188")
    for part in ("codec", "values", "reading", "driver")
}
SUBJECTS = {
    "meters": (
        ("dlt645_codec", "dlt645_driver", "cjt188_codec", "cjt188_driver", "meter_frame"),
        METERS | {"drivers/meter_frame.py", "drivers/measure.py", "drivers/search.py"},
    ),
    "modbus": (
        ("modbus_codec", "modbus_registers", "modbus_driver"),
        {"drivers/modbus/codec.py", "drivers/modbus/registers.py"},
    ),
    "ble": (("ble_codec",), {"drivers/ble/codec/*"}),
    "contact": (("contact",), {"drivers/contact.py"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_branch_is_taken(subject, tmp_path) -> None:
    tests, files = SUBJECTS[subject]
    coverage = [sys.executable, "-m", "coverage"]
    store = f"--data-file={tmp_path / 'coverage'}"
    modules = [f"tests/drivers/test_{name}.py" for name in tests]
    run = [*coverage, "run", store, "--branch", "--source=drivers", "-m", "pytest", "-q"]
    ran = subprocess.run(
        [*run, "-m", "not proof", *modules],
        cwd=ROOT,
        env={**os.environ, "YIZHAN_EXAMPLES": "few"},  # whether they pass is seen elsewhere
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    include = "--include=" + ",".join(sorted(files))
    report = [*coverage, "report", store, "-m", "--fail-under=100", include]
    shown = subprocess.run(report, cwd=ROOT, capture_output=True, text=True, check=False)
    print(shown.stdout)
    assert shown.returncode == 0, shown.stdout

"""Every branch of every family's codec, and of the meters' drivers, is taken by its own tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUBJECTS = {
    "meters": (
        (
            "tests/drivers/test_cjt188_codec.py",
            "tests/drivers/test_cjt188_driver.py",
            "tests/drivers/test_dlt645_codec.py",
            "tests/drivers/test_dlt645_driver.py",
            "tests/drivers/test_meter_frame.py",
        ),
        (
            "drivers/cjt188/codec.py",
            "drivers/cjt188/driver.py",
            "drivers/cjt188/values.py",
            "drivers/dlt645/codec.py",
            "drivers/dlt645/driver.py",
            "drivers/dlt645/item_reads.py",
            "drivers/dlt645/values.py",
            "drivers/decimal_values.py",
            "drivers/meter_frame.py",
            "drivers/frame_search.py",
        ),
    ),
    "modbus": (
        (
            "tests/drivers/test_modbus_codec.py",
            "tests/drivers/test_modbus_driver.py",
            "tests/drivers/test_modbus_registers.py",
        ),
        ("drivers/modbus/codec.py", "drivers/modbus/registers.py"),
    ),
    "ble": (("tests/drivers/test_ble_codec.py",), ("drivers/ble/codec/*",)),
    "contact": (("tests/drivers/test_dry_contact.py",), ("drivers/dry_contact.py",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_branch_is_taken(subject, tmp_path) -> None:
    modules, files = SUBJECTS[subject]
    coverage = [sys.executable, "-m", "coverage"]
    store = f"--data-file={tmp_path / 'coverage'}"
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

"""What all drivers together take of the gateway's memory."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Beside the interpreter, whose releases differ by 2 MiB; 30 to 31 are usual. The station as a
# whole has 64; `tests/bench` weighs it while it runs.
DRIVERS_MIB_MAX = 33

PROGRAM = """
def mib():
    with open("/proc/self/status") as status:
        return int(status.read().partition("VmRSS:")[2].split()[0]) / 1024

bare = mib()
from drivers import registry
from drivers.profiles import load_profiles
from drivers.bus_kinds import bus_kinds
bus_kinds()
families = [registry.families()[name].family for name in registry.family_names()]
models = len(list(load_profiles()))
polled = mib()
import drivers.ble.bluez, cryptography.hazmat.primitives.ciphers.aead
from bleak.backends.bluezdbus import scanner
print(f"{len(families)} families, {models} models: {polled:.1f} MiB; with BLE {mib():.1f} MiB")
print(mib() - bare)
"""


def test_all_drivers_and_their_libraries_fit() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said, figure = ran.stdout.strip().splitlines()
    print(f"\n{said}")
    assert float(figure) <= DRIVERS_MIB_MAX

"""udev's own judgement of our rules: `unshare --mount python -m tests.install.udev RULES`.

A Pi's USB sockets are written into a /sys of this process alone, as the kernel shows them; `udevadm
test` runs Debian's rules and ours over it. Prints a JSON object: adapter → what udev says.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

SYS = Path("/sys")
SOC = SYS / "devices/platform/soc"
HOST = SOC / "3f980000.usb"


class Adapter(NamedTuple):
    """A thing in a USB socket; `ports` of it are serial lines."""

    socket: int
    vendor: str
    product: str
    driver: str
    serial: str = ""
    ports: int = 1


ADAPTERS = {
    "numbered": Adapter(1, "0403", "6001", "ftdi_sio", serial="A50285BI"),
    "four ports": Adapter(2, "0403", "6011", "ftdi_sio", serial="FT5ABCDE", ports=4),
    "no number": Adapter(3, "1a86", "7523", "ch341"),
    "same number, one": Adapter(4, "10c4", "ea60", "cp210x", serial="0001"),
    "same number, two": Adapter(5, "10c4", "ea60", "cp210x", serial="0001"),
    "modem": Adapter(6, "2c7c", "0125", "option"),
}


def write(folder: Path, uevent: str, subsystem: str, **attributes: str) -> Path:
    """A device as sysfs shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "uevent").write_text(uevent)
    of = SYS / ("class" if subsystem == "tty" else "bus") / subsystem
    of.mkdir(parents=True, exist_ok=True)
    (folder / "subsystem").symlink_to(of)
    for name, value in attributes.items():
        (folder / name).write_text(f"{value}\n")
    return folder


def plug(adapter: Adapter, number: int) -> list[Path]:
    """Put it into its socket; its ports, each `ttyUSB<number>` and further."""
    own = {"serial": adapter.serial} if adapter.serial else {}
    device = write(
        HOST / f"usb1/1-1/1-1.{adapter.socket}",
        f"DEVTYPE=usb_device\nPRODUCT={adapter.vendor}/{adapter.product}/100\n",
        "usb",
        idVendor=adapter.vendor,
        idProduct=adapter.product,
        **own,
    )
    driver = SYS / "bus/usb/drivers" / adapter.driver
    driver.mkdir(parents=True, exist_ok=True)
    found = []
    for port in range(adapter.ports):
        interface = write(
            device / f"{device.name}:1.{port}",
            f"DEVTYPE=usb_interface\nDRIVER={adapter.driver}\n",
            "usb",
            bInterfaceNumber=f"{port:02}",
            bInterfaceClass="ff",
        )
        (interface / "driver").symlink_to(driver)
        name = f"ttyUSB{number + port}"
        kernel = f"DRIVER={adapter.driver}\n"
        line = write(interface / name, kernel, "usb-serial", latency_timer="16")
        (line / "driver").symlink_to(driver)
        device_node = f"MAJOR=188\nMINOR={number + port}\nDEVNAME={name}\n"
        found.append(write(line / "tty" / name, device_node, "tty"))
    return found


def asked(device: Path) -> subprocess.CompletedProcess[str]:
    """What udev would do with it."""
    return subprocess.run(
        ["udevadm", "test", "--action=add", str(device)],
        env={**os.environ, "SYSTEMD_DEVICE_VERIFY_SYSFS": "0", "SYSTEMD_LOG_LEVEL": "debug"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def judged(device: Path) -> dict[str, Any]:
    """Our names for it, and whether ModemManager keeps away."""
    lines = asked(device).stdout.splitlines()
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    links = told.get("DEVLINKS", "").split()
    return {
        "names": sorted(link for link in links if link.startswith("/dev/yizhan/")),
        "ours": told.get("ID_MM_DEVICE_IGNORE") == "1",
    }


def quick(line: Path) -> bool:
    """Whether the adapter's latency timer is set to 1 ms."""
    return "latency_timer' writing '1'" in asked(line).stderr


def main(rules: Path) -> None:
    for place in ("/sys", "/run"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    folder = Path("/run/udev/rules.d")
    folder.mkdir(parents=True)
    shutil.copy(rules, folder / "61-yizhan.rules")
    write(SOC, "", "platform")
    write(HOST, "DRIVER=dwc_otg\n", "platform")
    write(HOST / "usb1", "DEVTYPE=usb_device\n", "usb")
    write(HOST / "usb1/1-1", "DEVTYPE=usb_device\n", "usb")
    told: dict[str, Any] = {}
    number = 0
    for name, adapter in ADAPTERS.items():
        ports = plug(adapter, number)
        number += len(ports)
        told[name] = [judged(port) for port in ports]
        told[name][0]["quick"] = quick(ports[0].parent.parent)
    uart = write(
        SOC / "fe201000.serial/tty/ttyAMA0", "MAJOR=204\nMINOR=64\nDEVNAME=ttyAMA0\n", "tty"
    )
    told["uart"] = [judged(uart)]
    print(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

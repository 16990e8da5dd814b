"""Emulated BLE sensors in a process of their own; faults are read from standard input.

    python -m drivers.ble.emulator                      # the eight sensors of the demo
    python -m drivers.ble.emulator --config air.toml

The first line of its output is JSON: the D-Bus address for `DBUS_SYSTEM_BUS_ADDRESS`, and the
sensors. It then accepts lines: `fault NAME FAULT`, `clear NAME`, `set NAME WHAT VALUE`; each is
answered with `ok` or `no: why`. NAME is a sensor's or `adapter`. It ends with its input, or Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from drivers.ble.emulator import (
    DEMO_SENSORS,
    DbusDaemon,
    FakeBluez,
    RadioSpec,
    VirtualRadio,
    parse_radio,
)


def execute_line(air: VirtualRadio, line: str) -> str:
    """Execute one line; returns its answer."""
    try:
        match line.split():
            case ["fault", name, fault]:
                air.set_fault(name, fault)
            case ["clear", name]:
                air.clear_fault(name)
            case ["set", name, what, value]:
                air.set_value(name, what, json.loads(value))
            case _:
                return "no: fault NAME FAULT | clear NAME | set NAME WHAT VALUE"
    except ValueError as error:
        return f"no: {error}"
    return "ok"


async def main(spec: RadioSpec) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with DbusDaemon() as broker, VirtualRadio(spec, FakeBluez()).serve(broker.address) as air:
        _print(json.dumps({"address": broker.address, "sensors": sorted(spec.sensor)}))
        while line := await lines.readline():
            _print(execute_line(air, line.decode("utf-8", "replace")))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m drivers.ble.emulator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, default=DEMO_SENSORS, help="TOML with [sensor.*] tables"
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parse_radio(parser.parse_args().config.read_text("utf-8"))))

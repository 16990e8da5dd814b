"""`python -m gateway.demo.dispatcher`: run until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal

from gateway.demo.dispatcher.app import DemoDispatcher
from gateway.demo.dispatcher.http import LATE_S
from gateway.systemd import notify


async def serve(port: int, late_s: float, drive_s: float | None) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    dispatcher = DemoDispatcher(late_s, drive_s)
    try:
        await dispatcher.start("127.0.0.1", port)
        print(f"dispatcher: {dispatcher.url}/", flush=True)
        notify("READY=1")
        await stop.wait()
    finally:
        await dispatcher.stop()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="a dispatcher of cars, to try a station with")
    parser.add_argument("--port", type=int, default=9082)
    parser.add_argument("--late", type=float, default=LATE_S, help="seconds of the mood late")
    parser.add_argument("--drive", type=float, help="seconds between the turns of a ride")
    args = parser.parse_args()
    asyncio.run(serve(args.port, args.late, args.drive))


if __name__ == "__main__":
    main()

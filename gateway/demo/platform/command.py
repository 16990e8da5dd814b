"""`python -m gateway.demo.platform`: the reference platform as a process of its own."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from gateway.demo.platform.app import Platform, serve
from gateway.texts import Texts

TOKEN_VARIABLE = "YIZHAN_PLATFORM_TOKEN"  # noqa: S105  # a name, not a token


def parser() -> argparse.ArgumentParser:
    """The command line."""
    texts = Texts.from_environment()
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo.platform",
        description=texts.say("platform.about"),
        epilog=texts.say("platform.examples"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help=texts.say("platform.host"))
    parser.add_argument("--port", type=int, default=8090, help=texts.say("platform.port"))
    parser.add_argument("--tls-port", type=int, help=texts.say("platform.tls-port"))
    parser.add_argument("--dir", type=Path, required=True, help=texts.say("platform.dir"))
    return parser


def main(argv: list[str]) -> int:
    """Serve until stopped; 1 if the port is held."""
    args = parser().parse_args(argv)
    token = os.environ.get(TOKEN_VARIABLE)
    try:
        asyncio.run(serve(Platform(args.dir, token), args.host, args.port, args.tls_port))
    except OSError as error:
        text = Texts.from_environment().say(
            "platform.no-port", port=args.port, reason=error.strerror
        )
        print(text, file=sys.stderr)
        return 1
    return 0

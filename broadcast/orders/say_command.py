"""`yizhan say`: words on the loudspeakers, through the running station."""

import argparse
from typing import Any

from broadcast.orders.command import follow_order, print_receipt
from gateway.api_client import ApiClient
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "say", texts)
    parser.add_argument("text", help=texts.say("say.text"))
    parser.add_argument("--zone", action="append", required=True, help=texts.say("say.zone"))
    parser.add_argument("--class", dest="cls", default="notice", help=texts.say("say.class"))
    parser.add_argument("--repeat", type=int, default=1, help=texts.say("say.repeat"))
    parser.add_argument("--chime", help=texts.say("say.chime"))
    parser.add_argument(
        "--language", choices=("zh", "en"), default="zh", help=texts.say("say.language")
    )
    parser.add_argument("--wait", action="store_true", help=texts.say("order.wait"))
    parser.add_argument("--json", action="store_true", help=texts.say("say.json"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Place the order; 1 if it is refused."""
    asked = {
        "text": args.text,
        "zones": args.zone,
        "class": args.cls,
        "repeat": args.repeat,
        "chime": args.chime,
        "language": args.language,
    }
    receipt = ApiClient().post("/api/v1/orders", asked)
    return print_receipt(follow_order(receipt, wait=args.wait), as_json=args.json)

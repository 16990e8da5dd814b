"""`yizhan requests`: what residents have asked for, beside a running station."""

import argparse
from typing import Any

import msgspec

from gateway.api_client import ApiClient
from gateway.errors import UsageError
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command
from gateway.texts.table import render_table
from gateway.web.i18n import CATALOGUES, Translator
from kiosk.requests.catalogue import load_services
from kiosk.runtime.api import RequestView

API = "/api/v1/requests"


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "requests", texts)
    tasks = parser.add_subparsers(dest="task", metavar=texts.say("cli.command"), required=True)
    for name in ("list", "show"):
        about = texts.say(f"requests.do-{name}")
        task = tasks.add_parser(name, help=about, description=about)
        task.add_argument("--json", action="store_true", help=texts.say("requests.json"))
        task.set_defaults(func=run)
        if name == "show":
            task.add_argument("number", help=texts.say("requests.number"))
        else:
            task.add_argument("--all", action="store_true", help=texts.say("requests.all"))


def run(args: argparse.Namespace) -> int:
    """Ask the station; its refusal is a StationError in its own words."""
    lang = Texts.from_environment().lang
    found: list[RequestView] = ApiClient().get(API, list[RequestView])
    if args.task == "show":
        one = _named(found, args.number)
        print(msgspec.json.encode(one).decode() if args.json else _whole(one, lang))
        return 0
    shown = sorted((one for one in found if args.all or not one.ended), key=_urgency)
    print(msgspec.json.encode(shown).decode() if args.json else _listed(shown, lang))
    return 0


def _named(found: list[RequestView], word: str) -> RequestView:
    """By its number as it was said to the resident, or by its id."""
    one = next((one for one in found if word in (one.number, one.id)), None)
    if one is None:
        raise UsageError("requests.unknown", request=word)
    return one


def _urgency(one: RequestView) -> tuple[bool, bool, bool, int]:
    """What is open, in danger, or overdue comes first; then the oldest."""
    return one.ended, not one.urgent, not one.overdue, -one.age_s


def _listed(shown: list[RequestView], lang: str) -> str:
    words = CATALOGUES[lang]
    if not shown:
        return words("requests.none")
    heads = [
        words(f"requests.head-{head}") for head in ("number", "what", "where", "age", "due", "now")
    ]
    rows = [
        (
            one.number,
            _what(one, lang),
            one.place_name,
            words.span(one.age_s),
            _due(one, words),
            one.caption,
        )
        for one in shown
    ]
    return render_table(heads, rows)


def _whole(one: RequestView, lang: str) -> str:
    """All of it, a line each; what there is not is left out. Numbers stay masked."""
    words = CATALOGUES[lang]
    known = {
        "what": _what(one, lang),
        "where": one.place_name,
        "age": words.span(one.age_s),
        "due": _due(one, words),
        "now": one.caption,
        "state": one.state,
        "car": " ".join(filter(None, (one.car.plate, one.car.colour, one.car.brand)))
        if one.car
        else "",
        "road": one.road,
        "contact": one.masked,
        "by": one.by,
        "note": one.note,
        "rating": one.rating,
        "linked": one.linked,
        "acts": " ".join(one.acts),
    }
    rows = [(words(f"requests.head-{head}"), said) for head, said in known.items() if said]
    return render_table(
        (words("requests.head-number"), f"{one.number} ({one.id})"), rows, cells_max=100
    )


def _what(one: RequestView, lang: str) -> str:
    """The service, and the picture that was pressed."""
    service = load_services().get(one.service)
    if service is None:
        return one.service
    choice = service.find_option(one.what)
    danger = [each.name.text(lang) for any_ in load_services().values() for each in any_.what
              if each.person and each.id == one.what]  # fmt: skip
    picture = choice.name.text(lang) if choice is not None else next(iter(danger), "")
    return " ".join(filter(None, (service.name.text(lang), picture)))


def _due(one: RequestView, words: Translator) -> str:
    """What is promised next of it, and how long there is, or by how much it is late."""
    if one.due_s is None:
        return ""
    which = "overdue" if one.overdue else "due"
    return words(f"requests.{which}-{one.due}", span=words.span(abs(one.due_s)))

"""`yizhan uninstall`: the tree as it was; settings and journal stay unless purged."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gateway.appliance.install import machine, manifest
from gateway.appliance.install.manifest import Laid
from gateway.appliance.install.steps import Tree, remove
from gateway.texts import Texts
from gateway.texts.parser import declare


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.of_environment()
    parser = declare(subcommands, "uninstall", texts)
    parser.add_argument("--purge", action="store_true", help=texts.say("uninstall.purge"))
    parser.add_argument("--dry-run", action="store_true", help=texts.say("install.dry-run"))
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help=texts.say("uninstall.root")
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Take away what the manifest names, the last first; 0 also when nothing is left to do."""
    texts = Texts.of_environment()
    tree = Tree.open(args.root, only_look=args.dry_run)
    root = tree.root
    laid = tree.manifest.laid
    going = [each for each in reversed(laid) if args.purge or not _stays(each, laid)]
    if not going:
        _print(texts.say("install.nothing"))
        return 0
    if args.dry_run:
        _print(texts.say("uninstall.would", count=len(going)))
        _print("\n".join(f"  {_named(each)}" for each in going))
        return 0
    if machine.runs(root):
        machine.carry_out(machine.stop())
    stayed = _take_away(tree, going, texts, purge=args.purge)
    if machine.runs(root):
        machine.carry_out(machine.RELOAD)
    _print(texts.say("uninstall.purged" if args.purge else "uninstall.done"))
    return 1 if stayed else 0


def _stays(each: Laid, laid: list[Laid]) -> bool:
    """The station's data, what they lie in, and their owner: a number must not pass to another."""
    holds_data = any(other.data and other.path.startswith(f"{each.path}/") for other in laid)
    return each.data or holds_data or each.kind == "account"


def _named(laid: Laid) -> str:
    return laid.proof if laid.kind == "account" else f"/{laid.path}"


def _take_away(tree: Tree, going: list[Laid], texts: Texts, *, purge: bool) -> int:
    """Take each away, folders last; how many files stayed because somebody has changed them."""
    stayed = 0
    for laid in sorted(going, key=lambda each: each.kind == "folder"):
        if laid.kind == "folder":
            manifest.forget(tree.root)  # it may lie in a folder that goes
        if remove(tree, laid, purge=purge):
            tree.manifest.laid.remove(laid)
        elif laid.kind != "folder":  # a folder stays as long as something is in it
            _print("· " + texts.say("uninstall.left-alone", path=_named(laid)))
            stayed += 1
    manifest.write(tree.root, tree.manifest)
    return stayed


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")

"""`yizhan uninstall`: restores the tree; settings and journal stay unless purged."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gateway.install import manifest, systemctl
from gateway.install.manifest import ManifestEntry
from gateway.install.steps import InstallRoot, remove_entry
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "uninstall", texts)
    parser.add_argument("--purge", action="store_true", help=texts.say("uninstall.purge"))
    parser.add_argument("--dry-run", action="store_true", help=texts.say("install.dry-run"))
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help=texts.say("uninstall.root")
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Remove what the manifest names, last first; also 0 if nothing is left to do."""
    texts = Texts.from_environment()
    tree = InstallRoot.open(args.root, only_look=args.dry_run)
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
    if systemctl.systemd_runs(root):
        systemctl.run_command(systemctl.stop_commands())
    stayed = _take_away(tree, going, texts, purge=args.purge)
    if systemctl.systemd_runs(root):
        systemctl.run_command(systemctl.RELOAD)
    _print(texts.say("uninstall.purged" if args.purge else "uninstall.done"))
    return 1 if stayed else 0


def _stays(each: ManifestEntry, laid: list[ManifestEntry]) -> bool:
    """The station's data, its folders and its owner: an id must not pass to another user."""
    holds_data = any(other.data and other.path.startswith(f"{each.path}/") for other in laid)
    return each.data or holds_data or each.kind == "account"


def _named(laid: ManifestEntry) -> str:
    return laid.proof if laid.kind == "account" else f"/{laid.path}"


def _take_away(tree: InstallRoot, going: list[ManifestEntry], texts: Texts, *, purge: bool) -> int:
    """Remove each, folders last; how many changed files stayed."""
    stayed = 0
    for laid in sorted(going, key=lambda each: each.kind == "folder"):
        if laid.kind == "folder":
            manifest.remove_manifest(tree.root)  # it may lie in a folder that goes
        if remove_entry(tree, laid, purge=purge):
            tree.manifest.laid.remove(laid)
        elif laid.kind != "folder":  # a folder stays as long as something is in it
            _print("· " + texts.say("uninstall.left-alone", path=_named(laid)))
            stayed += 1
    manifest.write_manifest(tree.root, tree.manifest)
    return stayed


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")

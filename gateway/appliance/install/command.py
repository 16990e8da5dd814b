"""`yizhan install`: every step in plain words; done again, nothing to do."""

import argparse
import os
from pathlib import Path
from typing import Any

from gateway.appliance.install import machine, manifest, score
from gateway.appliance.install.plan import SETTINGS, Wish, source, steps
from gateway.appliance.install.sandbox import Dropin, audio_dropin, gateway_dropin
from gateway.appliance.install.steps import File, Step, Tree
from gateway.appliance.load import FILE_NAME, load
from gateway.appliance.schema import Settings
from gateway.errors import Denied
from gateway.texts import Texts
from gateway.texts.parser import declare


def add_to(subcommands: Any) -> None:
    """Declare the command."""
    texts = Texts.of_environment()
    parser = declare(subcommands, "install", texts)
    parser.add_argument("--dry-run", action="store_true", help=texts.say("install.dry-run"))
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help=texts.say("install.root")
    )
    parser.add_argument(
        "--kiosk",
        choices=("cog", "chromium", "none"),
        default="none",
        help=texts.say("install.kiosk"),
    )
    parser.add_argument("--keep-logs", action="store_true", help=texts.say("install.keep-logs"))
    parser.add_argument("--as-shipped", action="store_true", help=texts.say("install.as-shipped"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do what is missing; 1 when a command of systemd failed."""
    texts = Texts.of_environment()
    root: Path = args.root.resolve()
    if root == Path("/") and os.geteuid() != 0 and not args.dry_run:
        raise Denied("install.not-root")
    tree = Tree(root, manifest.read(root))
    settings = load(config) if ((config := root / SETTINGS) / FILE_NAME).exists() else None
    dropins = {} if settings is None or args.as_shipped else _dropins(settings, texts)
    wish = Wish(args.kiosk, args.keep_logs, args.as_shipped)
    missing = _missing(list(steps(wish, dropins)), tree, texts)
    if not missing:
        print(texts.say("install.nothing"))
        return 0
    if args.dry_run:
        _show(missing, texts)
        return 0
    changed = _carry_out(missing, tree, texts)
    code = _tell_systemd(root, changed, args.kiosk, settings=settings is not None, texts=texts)
    if settings is None:
        print(texts.say("install.done-no-settings"))
    else:
        print(texts.say("install.done", port=settings.web.port))
    return code


def _dropins(settings: Settings, texts: Texts) -> dict[str, Dropin]:
    """The sandboxes for these settings by unit, each told with its score."""
    made = {
        "yizhan.service": gateway_dropin(settings),
        "yizhan-audio.service": audio_dropin(settings),
    }
    for name, dropin in made.items():
        unit = source(name).decode()
        shipped = score.exposure(unit)
        narrowed = score.exposure(score.with_dropin(unit, dropin.text))
        if shipped is not None and narrowed is not None:
            print(texts.say("install.scores", unit=name, shipped=shipped, narrowed=narrowed))
        for note in dropin.notes:
            print("· " + texts.say(note.code, **note.data))
    return made


def _missing(all_steps: list[Step], tree: Tree, texts: Texts) -> list[Step]:
    for step in all_steps:
        if isinstance(step, File) and step.foreign(tree):
            print("· " + texts.say("install.left-alone", path=f"/{step.path}"))
    return [step for step in all_steps if not step.done(tree)]


def _show(missing: list[Step], texts: Texts) -> None:
    print(texts.say("install.would", count=len(missing)))
    for step in missing:
        said = step.said()
        print("  " + texts.say(said.code, **said.data))
        if isinstance(step, File) and step.path.endswith("50-station.conf"):
            print("".join(f"      {line}\n" for line in step.body.decode().splitlines()), end="")


def _carry_out(missing: list[Step], tree: Tree, texts: Texts) -> list[str]:
    """Do each step; the manifest is written even when one fails, so that it can be undone."""
    changed = []
    try:
        for number, step in enumerate(missing, 1):
            said = step.said()
            print(f"[{number}/{len(missing)}] " + texts.say(said.code, **said.data), flush=True)
            step.do(tree)
            changed.append(getattr(step, "path", ""))
    finally:
        manifest.write(tree.root, tree.manifest)
    return changed


def _tell_systemd(
    root: Path, changed: list[str], kiosk: str, *, settings: bool, texts: Texts
) -> int:
    if not machine.runs(root):
        print(texts.say("install.not-running"))
        return 0
    code = 0
    for order in machine.orders(changed, settings=settings, kiosk=kiosk):
        print("· " + texts.say(order.said.code), flush=True)
        if (said := machine.carry_out(order)) is not None:
            print(texts.say("install.order-failed", command=" ".join(order.command), reason=said))
            code = 1
    return code

"""`yizhan install`: every step in plain words; running it again changes nothing."""

import argparse
from pathlib import Path
from typing import Any

from gateway.config.mistake_text import mistakes_text
from gateway.config.schema import Settings
from gateway.install import bootstrap, exposure, manifest, systemctl
from gateway.install.plan import (
    AUDIO,
    BROWSERS,
    GATEWAY,
    SETTINGS,
    USUAL_PORT,
    InstallChoices,
    enabled_screen,
    install_steps,
    unit_source,
)
from gateway.install.sandbox import WHILE_WIRING, Dropin, audio_dropin, gateway_dropin
from gateway.install.steps import FileStep, InstallRoot, InstallStep
from gateway.texts import Texts
from gateway.texts.command_parser import declare_command


def add_to(subcommands: Any) -> None:
    texts = Texts.from_environment()
    parser = declare_command(subcommands, "install", texts)
    parser.add_argument("--dry-run", action="store_true", help=texts.say("install.dry-run"))
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help=texts.say("install.root")
    )
    parser.add_argument(
        "--kiosk",
        choices=(*BROWSERS, "none"),
        help=texts.say("install.kiosk"),
    )
    parser.add_argument(
        "--keep-logs", action=argparse.BooleanOptionalAction, help=texts.say("install.keep-logs")
    )
    parser.add_argument("--id", metavar="ID", help=texts.say("install.id"))
    parser.add_argument("--name", metavar="NAME", help=texts.say("install.name"))
    parser.add_argument("--again", action="store_true", help=texts.say("install.again"))
    parser.add_argument("--wiring", action="store_true", help=texts.say("install.wiring"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Perform the missing steps; 1 if a command of systemd failed."""
    texts = Texts.from_environment()
    tree = InstallRoot.open(args.root, only_look=args.dry_run)
    root = tree.root
    settings, fresh = _settings(args, root / SETTINGS, texts)
    wish = _wish(args, tree, settings)._replace(first=fresh)
    dropins = {} if settings is None else _dropins(settings, wish, texts)
    _look_for_browser(wish, tree, texts)
    missing = _missing(list(install_steps(wish, dropins)), tree, texts)
    if not missing:
        print(texts.say("install.nothing"))
        return 0
    if args.dry_run:
        _show(missing, texts)
        return 0
    changed = _carry_out(missing, tree, texts)
    code = _tell_systemd(root, changed, wish.kiosk, settings=settings is not None, texts=texts)
    if settings is None:
        print(texts.say("install.done-no-settings"))
    else:
        said = "install.done" if args.id is None else "install.done-first"
        print(texts.say(said, port=settings.web.port))
    return code


def _settings(
    args: argparse.Namespace, config: Path, texts: Texts
) -> tuple[Settings | None, bytes]:
    """The settings that will be in place, and their text if it has yet to be written."""
    if not args.again or args.id is not None:
        return bootstrap.settle_settings(config, args.id, args.name)
    settings, mistakes = bootstrap.usable_settings(config)
    if mistakes:
        print(mistakes_text(mistakes, texts))
    return settings, b""


def _wish(args: argparse.Namespace, tree: InstallRoot, settings: Settings | None) -> InstallChoices:
    """The choices made now, else those made before."""
    if args.keep_logs is not None:
        tree.manifest.keep_logs = args.keep_logs
    if not args.again:
        tree.manifest.wiring = args.wiring or args.id is not None
    return InstallChoices(
        args.kiosk or enabled_screen(tree.manifest),
        tree.manifest.keep_logs,
        tree.manifest.wiring,
        port=USUAL_PORT if settings is None else settings.web.port,
    )


def _look_for_browser(wish: InstallChoices, tree: InstallRoot, texts: Texts) -> None:
    programs = BROWSERS.get(wish.kiosk, ())
    missing = [name for name in programs if not tree.at(f"usr/bin/{name}").exists()]
    if missing:
        print("· " + texts.say("install.no-browser", names=" ".join(missing)))


def _dropins(settings: Settings, wish: InstallChoices, texts: Texts) -> dict[str, Dropin]:
    """The sandboxes for these settings by unit, each reported with its score."""
    if wish.wiring:
        made = {GATEWAY: WHILE_WIRING}
    else:
        made = {GATEWAY: gateway_dropin(settings), AUDIO: audio_dropin(settings)}
    for name, dropin in made.items():
        unit = unit_source(name).decode()
        shipped = exposure.exposure(unit)
        narrowed = exposure.exposure(exposure.with_dropin(unit, dropin.text))
        if shipped is not None and narrowed is not None:
            print(texts.say("install.scores", unit=name, shipped=shipped, narrowed=narrowed))
        for note in dropin.notes:
            print("· " + texts.say(note.code, **note.data))
    return made


def _missing(all_steps: list[InstallStep], tree: InstallRoot, texts: Texts) -> list[InstallStep]:
    for step in all_steps:
        if isinstance(step, FileStep) and step.is_foreign(tree):
            print("· " + texts.say("install.left-alone", path=f"/{step.path}"))
    return [step for step in all_steps if not step.is_done(tree)]


def _show(missing: list[InstallStep], texts: Texts) -> None:
    print(texts.say("install.would", count=len(missing)))
    for step in missing:
        said = step.describe()
        print("  " + texts.say(said.code, **said.data))
        if isinstance(step, FileStep) and step.path.endswith("50-station.conf"):
            print("".join(f"      {line}\n" for line in step.body.decode().splitlines()), end="")


def _carry_out(missing: list[InstallStep], tree: InstallRoot, texts: Texts) -> list[str]:
    """Perform each step; the manifest is written even if one fails, so that it can be undone."""
    changed = []
    try:
        for number, step in enumerate(missing, 1):
            said = step.describe()
            print(f"[{number}/{len(missing)}] " + texts.say(said.code, **said.data), flush=True)
            step.perform(tree)
            changed.append(getattr(step, "path", ""))
    finally:
        manifest.write_manifest(tree.root, tree.manifest)
    return changed


def _tell_systemd(
    root: Path, changed: list[str], kiosk: str, *, settings: bool, texts: Texts
) -> int:
    if not systemctl.systemd_runs(root):
        print(texts.say("install.not-running"))
        return 0
    code = 0
    for order in systemctl.systemctl_commands(changed, settings=settings, kiosk=kiosk):
        print("· " + texts.say(order.purpose.code), flush=True)
        if (said := systemctl.run_command(order)) is not None:
            print(texts.say("install.order-failed", command=" ".join(order.command), reason=said))
            code = 1
    return code

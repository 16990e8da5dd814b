"""The pages of a support file: collected, scrubbed, named.

What is not available (no systemd, no running station, no permission) becomes a page that says so:
most bundles come from broken stations.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway import __version__
from gateway.api_client import ApiClient
from gateway.doctor.bundle.scrubber import Scrubber, without_comments
from gateway.doctor.model.facts import StationFacts
from gateway.doctor.model.finding import Finding
from gateway.doctor.model.report import as_json, report
from gateway.errors import StationError
from gateway.reconfigure.records import ChangeRecord
from gateway.reconfigure.redaction import redact
from gateway.texts import LANGUAGES, Texts
from gateway.toml import KeyPath, parse

LOG_LINES = 4000
LOG_BYTES_MAX = 4_000_000
WITHIN_S = 20.0
UNITS = ("yizhan.service", "yizhan-audio.service", "yizhan-kiosk-*", "yizhan-prepare.service")
NAMES = ("etc/os-release", "proc/version", "sys/firmware/devicetree/base/model")
FOLDERS = ("dev/yizhan", "dev/serial/by-id", "dev/snd")
DROPINS = ("etc/systemd/system/yizhan.service.d", "etc/systemd/system/yizhan-audio.service.d")
TELEPHONES = frozenset({"phone", "phones"})

RunProgram = Callable[[Sequence[str]], str]


class BundleSources(NamedTuple):
    """What is known already, and how to ask for the rest."""

    file: Path
    facts: StationFacts
    findings: Sequence[Finding]
    console: ApiClient
    run: RunProgram
    root: Path = Path("/")


def run(command: Sequence[str]) -> str:
    """A program's output, or why it could not run."""
    try:
        ran = subprocess.run(  # noqa: S603  # the commands stand below
            command, capture_output=True, text=True, check=False, timeout=WITHIN_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}\n"
    return ran.stdout[-LOG_BYTES_MAX:] + ran.stderr[-LOG_BYTES_MAX:]


def bundle_pages(asked: BundleSources) -> dict[str, str]:
    """All pages by name, each scrubbed."""
    scrubber = Scrubber(_persons(asked))
    made = {name: _written(body, scrubber) for name, body in _gathered(asked)}
    about = "\n".join(readme_text(made, Texts(lang)) for lang in LANGUAGES)
    return {"readme.txt": about, **made}


def readme_text(made: Mapping[str, str], texts: Texts) -> str:
    """The list of pages, and what is left out."""
    kinds = {name: name.partition(".")[0] for name in sorted(made)}
    listed = "\n".join(
        f"  {name:14} {texts.say(f'bundle.page-{kind}')}" for name, kind in kinds.items()
    )
    return texts.say("bundle.about", pages=listed) + "\n"


def _written(body: Any, scrubber: Scrubber) -> str:
    if isinstance(body, str):
        return scrubber.text(body)
    plain = scrubber.tree(msgspec.to_builtins(body))
    return msgspec.json.format(msgspec.json.encode(plain), indent=1).decode() + "\n"


def _gathered(asked: BundleSources) -> Iterator[tuple[str, Any]]:
    findings = [_quoting_nothing(each) for each in asked.findings]
    yield "found.txt", report(findings, Texts.from_environment()) + "\n"
    yield "found.json", as_json(findings, Texts("en"))
    yield "settings.toml", _settings(asked.file)
    yield "changes.json", _changes(asked.console)
    yield "running.json", asked.facts.running or asked.facts.mute or "no station runs here\n"
    yield "machine.json", _machine(asked)
    yield "units.txt", asked.run(("systemctl", "show", "--no-pager", *UNITS))
    yield "log.txt", asked.run(_log())


def _log() -> tuple[str, ...]:
    """This boot and the one before: the last messages of a crash are in that."""
    units = [word for unit in UNITS for word in ("-u", unit)]
    form = ("-o", "short-monotonic", "-n", str(LOG_LINES), "--no-pager", "--no-hostname")
    return ("journalctl", *units, *form)


def _quoting_nothing(finding: Finding) -> Finding:
    """Without the value at a mistake, which may be a secret."""
    why = finding.data.get("why")
    if finding.check not in ("settings", "remarks") or why is None:
        return finding
    return msgspec.structs.replace(finding, data={**finding.data, "why": why.code})


def _settings(file: Path) -> str:
    """Secrets redacted, comments removed, line numbers unchanged."""
    try:
        return without_comments(redact(file.read_bytes(), str(file)))
    except OSError as error:
        return f"{file.name}: {error.strerror}\n"
    except StationError:  # where it is no TOML, nobody can tell what of it is a secret
        return f"{file.name}: no TOML, so it is left out\n"


def _changes(console: ApiClient) -> Any:
    """When the settings changed and with what result; neither who nor why."""
    try:
        records = console.get("/api/v1/settings/history", list[ChangeRecord])
    except (StationError, msgspec.DecodeError) as error:
        return str(error)
    return [
        {
            "number": record.number,
            "state": record.state,
            "at": record.at,
            "troubles": [trouble.code for trouble in record.troubles],
        }
        for record in records
    ]


def _machine(asked: BundleSources) -> dict[str, Any]:
    root = asked.root
    return {
        "version": __version__,
        "python": sys.version,
        "machine": platform.machine(),
        "names": {name: _read(root / name) for name in NAMES},
        "memory": _read(root / "proc/meminfo").splitlines()[:5],
        "devices": {name: sorted(_in(root / name)) for name in FOLDERS},
        "dropins": {
            str(path.relative_to(root)): _read(path)
            for folder in DROPINS
            for path in sorted((root / folder).glob("*.conf"))
        },
        "packages": sorted(f"{d.name} {d.version}" for d in distributions()),
        "found": asked.facts.machine,
        "written": None
        if asked.facts.written is None
        else {"quota_mb": asked.facts.written.quota_mb, "days": asked.facts.written.outage_days},
    }


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip("\0\n")
    except OSError:
        return ""


def _in(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208  # names, no paths


def _persons(asked: BundleSources) -> Iterator[str]:
    """The station's accounts, and every telephone number in the settings."""
    try:
        for account in asked.console.get("/api/v1/accounts", list[dict[str, str]]):
            yield from (account["id"], account["name"])
    except (StationError, msgspec.DecodeError, KeyError):
        pass  # no station, or another version of it; the patterns stand all the same
    try:
        yield from _telephones(parse(asked.file.read_bytes(), str(asked.file)).table, ())
    except (OSError, StationError):
        return


def _telephones(tree: Any, path: KeyPath) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _telephones(value, (*path, key))
    elif isinstance(tree, str) and TELEPHONES & set(path):
        yield tree

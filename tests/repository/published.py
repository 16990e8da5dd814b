"""What programs and people outside rely on, as it is published: names, shapes and options.

`python -m tests.repository.published` writes the golden files anew; a test fails where they differ.
Prose that is made of docstrings is left out: it may be reworded. A name may not change, so a class
that is renamed needs a line in `gateway/schemas.py`.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from gateway.cli import COMMANDS, build_parser
from gateway.config.json_schema import json_schema
from gateway.texts import Texts
from gateway.web import openapi, prometheus
from gateway.web.server import ROUTES
from tests.access.composed import composed
from tests.web.station import NORMAL

FOLDER = Path(__file__).parents[1] / "golden" / "published"


async def openapi_document(folder: Path) -> str:
    """`/api/v1/openapi.json` of a station with every room."""
    async with composed(folder) as made:
        document = openapi.document(made.app[ROUTES], "1")
    for part in document["components"]["schemas"].values():
        part.pop("description", None)
    return _json(document)


def settings_schema() -> str:
    """The JSON Schema of `station.toml`."""
    schema = json_schema()
    for part in schema["$defs"].values():
        part.pop("description", None)
    for section in ("bus", "speaker", "device"):
        shape = schema["properties"][section]["additionalProperties"]
        for part in shape.get("anyOf", [shape]):
            part.pop("description", None)
    return _json(schema)


def metrics() -> str:
    """The families of `/metrics`: names, kinds, labels, help."""
    lines = prometheus.render_metrics(NORMAL, 3).decode().splitlines()
    samples = {line.partition(" ")[0].partition("}")[0] for line in lines if line[0] != "#"}
    labels = {sample.partition("{")[0]: sorted(_labels(sample)) for sample in samples}
    return "\n".join([
        *(line for line in lines if line[0] == "#"),
        *(f"{name} {' '.join(labels[name])}".rstrip() for name in sorted(labels)), "",
    ])  # fmt: skip


def commands(language: str) -> str:
    """Every command's help, as argparse knows it: its layout differs between releases of Python."""
    with mock.patch.dict(os.environ, {"LC_ALL": language}):
        texts = Texts.from_environment()
        lines = list(_help(build_parser(None, texts)))
        for name in COMMANDS:
            lines += _help(_subcommands(build_parser(name, texts))[name])
    return "\n".join([*lines, ""])


def documents(folder: Path) -> Iterator[tuple[str, str]]:
    """Each golden file's name and what it should hold."""
    yield "openapi.json", asyncio.run(openapi_document(folder))
    yield "station.schema.json", settings_schema()
    yield "metrics.txt", metrics()
    for language in ("zh", "en"):
        yield f"commands.{language}.txt", commands(language)


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _labels(sample: str) -> Iterator[str]:
    for label in sample.partition("{")[2].split('",'):
        if label:
            yield label.partition("=")[0]


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _help(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"== {parser.prog}"
    yield from filter(None, (parser.description, parser.epilog))
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield f"  {choice.dest}: {choice.help}"
            continue
        facts = {"nargs": action.nargs, "default": action.default, "choices": action.choices,
                 "metavar": action.metavar, "required": action.required or None}  # fmt: skip
        name = " ".join(action.option_strings) or action.dest
        known = [
            f"{key}={list(value) if key == 'choices' else value}"
            for key, value in facts.items()
            if value not in (None, argparse.SUPPRESS)
        ]
        yield f"  {name} [{', '.join(known)}] {action.help}"
    for each in _subcommands(parser).values():
        if each._actions and not (each.description is None and each.add_help is False):
            yield from _help(each)


def main() -> None:
    """Write them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in documents(Path(folder)):
            (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

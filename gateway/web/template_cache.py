"""Caches compiled templates, as Python does its bytecode: in `__pycache__` beside them.

A station that compiled them at each start took twice as long to be ready, and kept 3 MB of the
compiler's memory. The package compiles them when it is installed (`python -m
gateway.web.template_cache`); a checkout compiles on demand, unless Python may not write bytecode.
"""

import contextlib
import hashlib
import marshal
import os
import sys
from collections.abc import Iterable
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

# How our templates are read; templates compiled with other options are compiled again.
OPTIONS = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}


def template_environment(
    loader: jinja2.BaseLoader, *, write: bool | None = None
) -> jinja2.Environment:
    """The only way to load our templates; `write` None follows Python's setting."""
    return jinja2.Environment(  # noqa: S701   # set in the options
        loader=loader,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=TemplateCache(write=not sys.dont_write_bytecode if write is None else write),
        **OPTIONS,  # type: ignore[arg-type]  # each is a flag
    )


class TemplateCache(BytecodeCache):
    """Finds a template's code beside it, if it matches this text and this version of Jinja."""

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The path of its code."""
        return cache_from_source(filename or name, optimization="template")

    def get_source_checksum(self, source: str) -> str:
        """The identity of the text and options that the code must have been made from."""
        return hashlib.sha256(f"{jinja2.__version__}{OPTIONS}{source}".encode()).hexdigest()

    def has(self, filename: str | None, source: str) -> bool:
        """Whether this text has been compiled before."""
        try:
            with Path(self.get_cache_key("", filename)).open("rb") as file:
                checksum = self.get_source_checksum(source).encode()
                return file.read(len(checksum)) == checksum
        except OSError:
            return False

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the code; if it does not match, it is compiled again."""
        try:
            kept = Path(bucket.key).read_bytes()
            if kept.startswith(bucket.checksum.encode()):
                bucket.code = marshal.loads(kept[len(bucket.checksum) :])  # noqa: S302   # ours, as a .pyc is
        except (OSError, EOFError, ValueError, TypeError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store the code for the next start, atomically; a read-only folder stays as it is."""
        if not self._write:
            return
        fresh = Path(f"{bucket.key}.{os.getpid()}")
        with contextlib.suppress(OSError):
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(bucket.checksum.encode() + marshal.dumps(bucket.code))
            fresh.replace(bucket.key)


def check_templates(templates: jinja2.Environment) -> None:
    """Raise TemplateSyntaxError unless every template compiles; compiled ones have proved it.

    Only what is shown is loaded: a station's pages are a megabyte of code, and few are viewed.
    """
    cache, loader = templates.bytecode_cache, templates.loader
    assert isinstance(cache, TemplateCache), "made by `environment`"
    assert loader is not None, "as above"
    for name in templates.list_templates(extensions=["html"]):
        source, filename, _ = loader.get_source(templates, name)
        if not cache.has(filename, source):
            templates.get_template(name)


def compile_templates(folders: Iterable[Path]) -> int:
    """Compile every template below these folders; returns how many."""
    count = 0
    for path in sorted(path for folder in folders for path in folder.rglob("*.html")):
        # The name is used in messages only: pages are addressed by their section's name.
        template_environment(jinja2.FileSystemLoader(path.parent), write=True).get_template(
            path.name
        )
        count += 1
    return count


if __name__ == "__main__":
    ROOT = Path(__file__).parents[2]
    compile_templates(ROOT / room for room in ("broadcast", "gateway", "kiosk"))

"""The station's texts: one catalogue per language, Chinese first.

A code is `<section>.<key>` of `zh.toml` and `en.toml`; a text may contain `{name}` and
`{name:format}`, filled from the error's data. Both catalogues have the same codes with the same
placeholders; the tests check that, and that every code used in the source exists.
"""

import os
import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from drivers.extensions import extension_folders

# The first is the default.
LANGUAGES = ("zh", "en")


def terminal_language(environ: Mapping[str, str] = os.environ) -> str:
    """The language of the terminal (LC_ALL before LC_MESSAGES before LANG)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        asked = environ.get(name, "")[:2].lower()
        if asked in LANGUAGES:
            return asked
    return LANGUAGES[0]


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All texts of one language by code: the product's, and those of extensions."""
    name = f"{lang}.toml"
    added = [folder / name for folder in extension_folders("gateway", "texts")]
    texts: dict[str, str] = {}
    for path in (Path(__file__).with_name(name), *filter(Path.is_file, added)):
        with path.open("rb") as file:
            texts = {**dict(_flat(tomllib.load(file))), **texts}
    return texts


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


class Texts:
    """The texts of one language."""

    def __init__(self, lang: str) -> None:
        """Use `lang`, or the first of `LANGUAGES` if there is no such catalogue."""
        self.lang = lang if lang in LANGUAGES else LANGUAGES[0]

    @property
    def _texts(self) -> Mapping[str, str]:
        return catalogue(self.lang)  # half a megabyte, loaded by readers only

    @classmethod
    def from_environment(cls) -> "Texts":
        """The texts in the language of this terminal."""
        return cls(terminal_language())

    def __contains__(self, code: str) -> bool:
        return code in self._texts

    def say(self, code: str, /, **data: Any) -> str:
        """The text with that code, filled in.

        Never raises: without a text, or with data missing, code and data are returned. A
        value that has a code and data of its own (an error, a phrase) is replaced by its
        text; of several, each.
        """
        text = self._texts.get(code)
        data = {name: self._spoken(value) for name, value in data.items()}
        if text is not None:
            try:
                return text.format_map(data)
            except (LookupError, ValueError, TypeError, AttributeError):
                pass  # the data do not fit the text: code and data are still informative
        return " ".join([code, *(f"{name}={value}" for name, value in data.items())])

    def _spoken(self, value: Any) -> Any:
        code, data = getattr(value, "code", None), getattr(value, "data", None)
        if isinstance(code, str) and isinstance(data, dict):
            return self.say(code, **data)
        if isinstance(value, (list, tuple)):
            return ", ".join(str(self._spoken(each)) for each in value)
        return value

    def remedy(self, code: str, /, **data: Any) -> str | None:
        """What to do about it, if the catalogue has it (`<code>-remedy`)."""
        return self.say(f"{code}-remedy", **data) if f"{code}-remedy" in self else None

"""Readings of words that the characters alone do not give: 银行 is yín háng, not yín xíng.

Data: `config/voices/lexicon.toml`, and a file of the same form beside `station.toml` for the names
of the neighbourhood. The longest matching word is taken. 一 and 不 change their tone by what
follows (`sandhi.py`).
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from broadcast.voice.sandhi import changed_tones
from gateway.errors import SettingsError

# Version of the rules for 一 and 不: what was spoken by other rules is spoken anew.
SANDHI = "1"

_SYLLABLE = re.compile(r"[a-zü]{1,6}[1-5]")


class Lexicon:
    """Words and their readings."""

    def __init__(self, readings: Mapping[str, str]) -> None:
        """`readings`: a word, and one pinyin syllable with its tone number for each character."""
        self.readings = dict(readings)
        words = sorted(self.readings, key=lambda word: (-len(word), word))
        self._words = re.compile("|".join(map(_pattern, words)) or r"(?!)")
        said = "\n".join(f"{word} {self.readings[word]}" for word in words) + SANDHI
        self.version = hashlib.sha256(said.encode()).hexdigest()[:12]

    @classmethod
    def load(cls, *folders: Path) -> "Lexicon":
        """The words of `lexicon.toml` in these folders; a later folder has precedence."""
        readings: dict[str, str] = {}
        for folder in folders:
            path = folder / "lexicon.toml"
            if path.is_file():
                readings.update(_read(path))
        return cls(readings)

    def spelt(self, text: str) -> str:
        """The text with these words, and 一 and 不 where they change, in pinyin between spaces."""
        known: dict[int, str] = {}
        for found in self._words.finditer(text):
            known.update(enumerate(self.readings[found.group()].split(), found.start()))
        known.update(changed_tones(text, known))
        said = (known.get(at, sign) for at, sign in enumerate(text))
        runs = groupby(zip(range(len(text)), said, strict=True), lambda each: each[0] in known)
        return "".join(
            f" {' '.join(each for _, each in run)} " if read else "".join(each for _, each in run)
            for read, run in runs
        )


def _pattern(word: str) -> str:
    """Match the word where it is one: 此处长期 does not contain 处长."""
    return re.escape(word) + ("(?![期时年久远途])" if word.endswith("长") else "")


def _read(path: Path) -> dict[str, str]:
    try:
        groups = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("voice.bad-file", path=str(path), why=str(error)) from error
    words = {word: said for group in groups.values() for word, said in group.items()}
    for word, said in words.items():
        syllables = said.split()
        if len(syllables) != len(word) or not all(map(_SYLLABLE.fullmatch, syllables)):
            raise SettingsError("voice.bad-reading", path=str(path), word=word, reading=said)
    return words

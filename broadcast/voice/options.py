"""`[voice]` in station.toml: which voices the station has, the best first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from broadcast.voice.engine import Engine
from broadcast.voice.espeak import Espeak
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.neural import Piper, Sherpa


class VoiceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One voice of the installer's: an engine and the model that lies on the disk."""

    engine: Literal["sherpa", "piper"]
    model: str
    language: Literal["zh", "en"] = "zh"


def engines(options: Sequence[VoiceOptions], lexicon: Lexicon) -> list[Engine]:
    """The chain of engines; espeak-ng stands behind all others, so that there is always a voice."""
    return [*map(_engine, options), Espeak(lexicon)]


def _engine(option: VoiceOptions) -> Engine:
    if option.engine == "sherpa":
        return Sherpa(Path(option.model), option.language)
    return Piper(Path(option.model), option.language)

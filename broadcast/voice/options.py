"""The voices that `[voice.<id>]` in station.toml names, the best first."""

from collections.abc import Sequence
from pathlib import Path

from broadcast.options import VoiceOptions
from broadcast.voice.engine import Engine
from broadcast.voice.espeak import Espeak
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.neural import Piper, Sherpa


def engines(options: Sequence[VoiceOptions], lexicon: Lexicon) -> list[Engine]:
    """The chain of engines; espeak-ng stands behind all others, so that there is always a voice."""
    return [*map(_engine, options), Espeak(lexicon)]


def _engine(option: VoiceOptions) -> Engine:
    if option.engine == "sherpa":
        return Sherpa(Path(option.model), option.language)
    return Piper(Path(option.model), option.language)

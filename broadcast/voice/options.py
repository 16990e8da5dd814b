"""The voices that `[voice.<id>]` in station.toml names, the best first."""

from collections.abc import Sequence
from pathlib import Path

from broadcast.options import VoiceOptions
from broadcast.voice.engine import VoiceEngine
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.neural import PiperVoice, SherpaVoice


def build_engines(options: Sequence[VoiceOptions], lexicon: Lexicon) -> list[VoiceEngine]:
    """The chain of engines; espeak-ng comes last, so that there is always a voice."""
    return [*map(_engine, options), EspeakVoice(lexicon)]


def _engine(option: VoiceOptions) -> VoiceEngine:
    if option.engine == "sherpa":
        return SherpaVoice(Path(option.model), option.language)
    return PiperVoice(Path(option.model), option.language)

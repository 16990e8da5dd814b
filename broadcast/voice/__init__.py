"""The station's voice: Chinese and English texts become clips.

normalise.py    Chinese text as it is read aloud (pure; `numbers.py`, `tables.py`)
english.py      English text as it is read aloud (pure)
lexicon.py      readings of words, from `config/voices/lexicon.toml`
engine.py       what every engine offers: `espeak.py`, `neural.py` (sherpa-onnx, piper)
voice.py        the chain of engines, the cache, what is ready
phrases.py      sentences put together from short clips
options.py      `[voice]` in station.toml
"""

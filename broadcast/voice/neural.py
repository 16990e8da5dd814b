"""Voices with a model of the installer's: sherpa-onnx and piper, by their command lines.

Neither is shipped: programs and models are large, and every model has a licence of its own. `model`
is what the installer has put on the disk: for sherpa-onnx the folder of a VITS model (`*.onnx`,
`tokens.txt`, `lexicon.txt`, perhaps `dict/` and `*.fst`), for piper the `.onnx` file with its
`.onnx.json` beside it.
"""

import shutil
from pathlib import Path

from broadcast.clips.limited_program import ProcessLimits, run_limited
from broadcast.voice.engine import engine_stamp
from gateway.errors import ProgramFailed

# A slow board speaks at about half of real time; a runtime maps much more than it uses.
LIMITS = ProcessLimits(wall_s=60, cpu_s=120, memory_mb=1024, file_mb=64)


class SherpaVoice:
    """sherpa-onnx with a VITS model in a folder."""

    name = "sherpa"

    def __init__(
        self, model: Path, language: str = "zh", program: str = "sherpa-onnx-offline-tts"
    ) -> None:
        self._model = model
        self.languages = frozenset({language})
        self._program = program

    def identity(self, language: str) -> str | None:
        """Program and model; None for another language, or while a part is missing."""
        program, weights = shutil.which(self._program), self._weights()
        if language not in self.languages or program is None or weights is None:
            return None
        return f"{engine_stamp(Path(program))} {engine_stamp(weights)}"

    async def speak(self, text: str, language: str, folder: Path) -> Path:
        """Write one WAV at the model's own rate."""
        del language
        made = folder / "sherpa.wav"
        await run_limited([*self.command(), f"--output-filename={made}", text], LIMITS)
        return _whole(made, self._program)

    def command(self) -> list[str]:
        """The program with what lies in the folder."""
        optional = {"tokens": "tokens.txt", "lexicon": "lexicon.txt", "dict-dir": "dict"}
        rules = ",".join(str(path) for path in sorted(self._model.glob("*.fst")))
        return [
            *(self._program, "--num-threads=1", f"--vits-model={self._weights()}"),
            *(
                f"--vits-{option}={self._model / name}"
                for option, name in optional.items()
                if (self._model / name).exists()
            ),
            *([f"--tts-rule-fsts={rules}"] if rules else []),
        ]

    def _weights(self) -> Path | None:
        return next(iter(sorted(self._model.glob("*.onnx"))), None)


class PiperVoice:
    """piper with one voice file; the text comes on its input."""

    name = "piper"

    def __init__(self, model: Path, language: str = "zh", program: str = "piper") -> None:
        self._model = model
        self.languages = frozenset({language})
        self._program = program

    def identity(self, language: str) -> str | None:
        """Program and voice; None for another language, or while a part is missing."""
        program = shutil.which(self._program)
        if language not in self.languages or program is None or not self._model.is_file():
            return None
        return f"{engine_stamp(Path(program))} {engine_stamp(self._model)}"

    async def speak(self, text: str, language: str, folder: Path) -> Path:
        """Write one WAV at the voice's own rate."""
        del language
        made = folder / "piper.wav"
        command = [self._program, "--model", str(self._model), "--output_file", str(made)]
        await run_limited(command, LIMITS, said=text.replace("\n", " ") + "\n")
        return _whole(made, self._program)


def _whole(made: Path, program: str) -> Path:
    """The file that was made; some programs succeed and leave nothing behind."""
    if not made.is_file() or not made.stat().st_size:
        raise ProgramFailed("program.output", program=program)
    return made

"""espeak-ng: robotic, immediate, 9 MB; the voice that every station has.

The Mandarin voice `cmn` of the released version reads syllables as English letters; the voice
`cmn-latn-pinyin` reads characters and pinyin correctly. It does not know polyphones in context
(银行行长), so the lexicon's words are given to it in pinyin. `-b 1` means UTF-8 in any
locale.
"""

import shutil
from pathlib import Path

from broadcast.clips.limited_program import ProcessLimits, run_limited
from broadcast.voice.engine import engine_stamp
from broadcast.voice.lexicon import Lexicon

VOICES = {"zh": "cmn-latn-pinyin", "en": "en-gb"}
# A little under three syllables a second: loudspeakers outdoors echo, and elders listen.
WORDS_A_MINUTE = 150

LIMITS = ProcessLimits(wall_s=20, cpu_s=10, memory_mb=256, file_mb=64)


class EspeakVoice:
    """The built-in voice."""

    name = "espeak"
    languages = frozenset(VOICES)

    def __init__(self, lexicon: Lexicon, program: str = "espeak-ng") -> None:
        self._lexicon = lexicon
        self._program = program

    def identity(self, language: str) -> str | None:
        """Program, voice, speed and readings."""
        program = shutil.which(self._program)
        if language not in VOICES or program is None:
            return None
        readings = self._lexicon.version if language == "zh" else ""
        return f"{engine_stamp(Path(program))} {VOICES[language]} {WORDS_A_MINUTE} {readings}"

    async def speak(self, text: str, language: str, folder: Path) -> Path:
        """Write one WAV at espeak's own rate."""
        made = folder / "espeak.wav"
        spoken = self._lexicon.spelt(text) if language == "zh" else text
        await run_limited([*self.command(language), "-w", str(made)], LIMITS, said=spoken)
        return made

    async def phonemes(self, text: str, language: str = "zh") -> str:
        """What would be said, in espeak's own notation; for `yizhan voice` and the tests."""
        return await run_limited(
            [*self.command(language), "-q", "-x"], LIMITS, said=self._lexicon.spelt(text)
        )

    def command(self, language: str) -> list[str]:
        """The program with its voice; the text comes on its input, never as an argument."""
        return [
            *(self._program, "-v", VOICES[language], "-b", "1"),
            *("-s", str(WORDS_A_MINUTE), "--stdin"),
        ]

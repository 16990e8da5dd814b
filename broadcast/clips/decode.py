"""Turns a file that a person brings into canonical WAV, once, outside this process.

ffmpeg reads it with a closed list of formats and codecs, and only that one file: a playlist that
names other files, or a video, is not read at all. The first run decodes and measures (ITU-R BS.1770
loudness, true peak), the second brings it to the station's loudness.
"""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

from broadcast.clips.clip import RATE, is_canonical
from broadcast.clips.limited_program import ProcessLimits, run_limited
from broadcast.clips.trim import trim_silence as trim_ends
from gateway.errors import ProgramFailed, UsageError

LOUDNESS_LUFS = -16.0
PEAK_DBTP = -1.0
# Ten minutes: longer than any notice.
SECONDS_MAX = 600

# More gain would turn the noise of the room into a notice.
GAIN_DB_MAX = 30.0

SILENCE_LUFS = -60.0
LIMITS = ProcessLimits(wall_s=60, cpu_s=40, memory_mb=400, file_mb=64)

FORMATS = "wav,w64,mp3,flac,ogg,aac,mov,matroska,webm,amr,caf,aiff"
CODECS = (
    "pcm_s16le,pcm_s24le,pcm_s32le,pcm_u8,pcm_s16be,pcm_s24be,pcm_f32le,pcm_alaw,pcm_mulaw,"
    "mp3,mp3float,flac,vorbis,libvorbis,opus,libopus,aac,alac,amrnb,amrwb"
)

_MEASURE = "ebur128=peak=true:framelog=verbose"
# The peak of the samples only: a third of the work, and enough to detect silence.
_MEASURE_ROUGHLY = "ebur128=framelog=verbose,volumedetect"

_TRIES = 4
_DECLARED = re.compile(r"\bDuration: (\d+):(\d\d):(\d\d\.\d+)")
_GUESSED = "Estimating duration from bitrate"
# The share of the declared length that may be missing; if more is, the file was cut off.
_MISSING_SHARE = 0.1

_INTEGRATED = re.compile(r"\bI:\s+(-?[\d.]+|-inf|nan) LUFS")
_PEAK = re.compile(r"\b(?:Peak|max_volume):\s+(-?[\d.]+|-inf|nan) dB")


class Loudness(NamedTuple):
    """What was measured."""

    lufs: float
    peak_db: float


async def decode_to_wav(
    source: Path, folder: Path, *, seconds_max: float = SECONDS_MAX, trim: bool = False
) -> Path:
    """Write canonical WAV into `folder`, at the station's loudness; UsageError says why not.

    `trim` removes the silence at both ends, for speech that stands in a row.
    """
    raw, done = folder / "raw.wav", folder / "canonical.wav"
    printed = await _decode(source, raw, seconds_max)
    found, seconds = parse_loudness(printed), raw.stat().st_size / (RATE * 4)
    if seconds > seconds_max + 0.1:  # one second more than allowed was let through
        raise UsageError("upload.long", limit_s=seconds_max)
    if seconds + 0.5 < (declared_seconds(printed) or 0) * (1 - _MISSING_SHARE):
        raise UsageError("upload.cut-off", seconds=seconds, declared_s=declared_seconds(printed))
    if max(found.lufs, found.peak_db) < SILENCE_LUFS:
        raise UsageError("upload.silent")
    await _levelled(raw, done, gain_db(found))
    raw.unlink()
    if trim:
        await asyncio.to_thread(trim_ends, done)
    if not is_canonical(done):
        raise ProgramFailed("program.output", program="ffmpeg")
    return done


async def measure_loudness(source: Path) -> Loudness:
    """Measure the loudness of a file without changing it."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-protocol_whitelist", "file"]
    command += ["-i", f"file:{source}", "-af", _MEASURE, "-f", "null", "-"]
    return parse_loudness(await run_limited(command, LIMITS))


def parse_loudness(printed: str) -> Loudness:
    """Parse what the ebur128 filter prints at its end."""
    lufs, peak = _INTEGRATED.findall(printed), _PEAK.findall(printed)
    if not lufs or not peak:
        raise UsageError("upload.no-sound")
    return Loudness(_number(lufs[-1]), _number(peak[-1]))


def declared_seconds(printed: str) -> float | None:
    """The length that the file declares; None if ffmpeg could only guess."""
    said = _DECLARED.search(printed)
    if said is None or _GUESSED in printed:
        return None
    return int(said[1]) * 3600 + int(said[2]) * 60 + float(said[3])


def gain_db(found: Loudness) -> float:
    """The gain to the station's loudness.

    Below 0.4 s there is no loudness to measure: then the peak decides.
    """
    if found.lufs < SILENCE_LUFS:
        return min(PEAK_DBTP - 2 - found.peak_db, GAIN_DB_MAX)
    return min(LOUDNESS_LUFS - found.lufs, GAIN_DB_MAX)


async def _decode(source: Path, raw: Path, seconds_max: float) -> str:
    try:
        return await run_limited(_reading(source, seconds_max + 1, raw), LIMITS)
    except ProgramFailed as error:
        if error.code == "program.missing":
            raise
        raise UsageError("upload.unreadable", why=error) from error


async def _levelled(raw: Path, done: Path, gain: float) -> None:
    """Level it; resampling can lift a peak over the limit, then again a little softer."""
    limit = PEAK_DBTP - 0.5
    for _ in range(_TRIES):
        found = parse_loudness(await run_limited(_level(raw, done, gain, limit), LIMITS))
        if found.peak_db <= PEAK_DBTP:
            return
        limit -= found.peak_db - PEAK_DBTP + 0.2
    raise ProgramFailed("program.output", program="ffmpeg")


def _reading(source: Path, seconds_max: float, target: Path) -> list[str]:
    return [
        *("ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-threads", "1"),
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS),
        *("-codec_whitelist", CODECS, "-t", str(seconds_max), "-i", f"file:{source}"),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"),
        "-af",
        f"aresample={RATE},aformat=channel_layouts=mono,{_MEASURE_ROUGHLY}",
        *("-c:a", "pcm_f32le", "-f", "wav", "-y", f"file:{target}"),
    ]


def _level(raw: Path, done: Path, gain: float, limit_db: float) -> list[str]:
    """The limiter works at four times the rate, where the peaks between samples show."""
    limit = 10 ** (limit_db / 20)
    chain = (
        f"volume={gain:.2f}dB,aresample={4 * RATE},"
        f"alimiter=limit={limit:.4f}:level=false:attack=1:release=50,aresample={RATE},{_MEASURE}"
    )
    return [
        *("ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-threads", "1"),
        *("-protocol_whitelist", "file", "-i", f"file:{raw}", "-af", chain),
        *("-c:a", "pcm_s16le", "-fflags", "+bitexact", "-flags", "+bitexact"),
        *("-f", "wav", "-y", f"file:{done}"),
    ]


def _number(printed: str) -> float:
    return -120.0 if printed in {"-inf", "nan"} else float(printed)

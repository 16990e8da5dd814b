"""Sound files for the tests, made by ffmpeg from its own sources."""

import subprocess
from pathlib import Path


def make(target: Path, *, seconds: float = 3, source: str = "sine=f=440", codec: str = "") -> Path:
    """A file of that length; its name decides the format."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source]
    command += ["-t", str(seconds), *(["-c:a", codec] if codec else []), "-y", str(target)]
    subprocess.run(command, check=True)
    return target


async def stream(content: bytes, chunk: int = 65536):
    """As a browser sends it."""
    for at in range(0, len(content), chunk):
        yield content[at : at + chunk]


def with_cover(sound: Path, target: Path) -> Path:
    """The same sound with a picture in the file, as music shops sell it."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(sound)]
    command += ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-map", "0", "-map", "1"]
    command += ["-frames:v", "1", "-c:v", "png", "-disposition:v", "attached_pic", str(target)]
    subprocess.run(command, check=True)
    return target

"""Recordings that speak a text: played wherever these words are said, instead of a voice.

The platform's come by command, a person's by the API; both are decoded and levelled like uploads.
"""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from broadcast.order import Text
from broadcast.voice.voice import Voice


class PhraseRecording(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`sound` is a file of any usual format, in base64; a command has room for about 90 KB."""

    text: Text
    sound: Annotated[bytes, msgspec.Meta(min_length=1, max_length=1_000_000)]
    language: str = "zh"


class StoredRecording(msgspec.Struct, frozen=True):
    """The stored recording: its hash and length."""

    sha: str
    seconds: float


async def keep_recording(voice: Voice, recording: PhraseRecording) -> StoredRecording:
    """Store a recording for its text; UsageError says why it cannot be used."""
    name = recording.text[:60]
    clip = await voice.give(recording.text, _whole(recording.sound), name, recording.language)
    return StoredRecording(clip.sha, round(clip.seconds, 2))


async def _whole(sound: bytes) -> AsyncIterator[bytes]:
    yield sound

"""One encoder for each distinct mix and codec, however many speakers get it. Pure.

A codec with memory must continue its own stream: speakers that shared an encoder one frame ago keep
it, and where they part, one of the two groups gets a new one.
"""

from collections.abc import Iterable, Mapping

from broadcast.audio_process.mixer import MixedFrame
from broadcast.speakers.codec import CODECS, FrameEncoder
from gateway.faults import OnFault, log_fault

# Codec, class and speaker: another class is another session, whose receiver starts afresh, too.
_Place = tuple[str, int, str]


class EncoderSet:
    """The encoders in use."""

    def __init__(self, on_fault: OnFault = log_fault) -> None:
        self._on_fault = on_fault
        self._of: dict[_Place, FrameEncoder] = {}

    def encode(
        self, mixes: Iterable[MixedFrame], codecs: Mapping[str, str]
    ) -> list[tuple[str, bytes, int]]:
        """(speaker, payload, rank) of every speaker with a codec; drops encoders of silent ones."""
        sent: list[tuple[str, bytes, int]] = []
        now: dict[_Place, FrameEncoder] = {}
        taken: set[int] = set()
        for mix in mixes:
            for codec, ids in _by_codec(mix.speakers, codecs).items():
                encoder = self._of.get((codec, mix.rank, ids[0]))
                try:
                    if encoder is None or id(encoder) in taken:
                        encoder = CODECS[codec].encoder()
                    taken.add(id(encoder))
                    payload = encoder.encode(mix.frame)
                except Exception as error:  # noqa: BLE001 - the edge: one codec's mistake is its own
                    self._on_fault(f"codec.{codec}", error)
                    continue
                for id_ in ids:
                    now[codec, mix.rank, id_] = encoder
                    sent.append((id_, payload, mix.rank))
        self._of = now
        return sent


def _by_codec(speakers: Iterable[str], codecs: Mapping[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for id_ in speakers:
        if id_ not in codecs:
            continue
        groups.setdefault(codecs[id_], []).append(id_)
    return groups

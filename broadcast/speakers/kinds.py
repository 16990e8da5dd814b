"""Which class plays which kind of `[speaker.*]`; loaded only where one is used."""

import random

from broadcast.speakers.contract import Speaker
from broadcast.speakers.options import Multicast, Sip, SoundCard, SpeakerOptions, Unicast


def make(id_: str, options: SpeakerOptions, chance: random.Random) -> Speaker:
    """The speaker, not yet open."""
    match options:
        case Multicast():
            from broadcast.speakers.multicast import MulticastSpeaker  # noqa: PLC0415

            return MulticastSpeaker(id_, options, chance)
        case Unicast():
            from broadcast.speakers.unicast import UnicastSpeaker  # noqa: PLC0415

            return UnicastSpeaker(id_, options, chance)
        case Sip():
            from broadcast.speakers.sip.speaker import SipSpeaker  # noqa: PLC0415

            return SipSpeaker(id_, options, chance)
        case SoundCard():
            from broadcast.speakers.soundcard import SoundCardSpeaker  # noqa: PLC0415

            return SoundCardSpeaker(id_, options)

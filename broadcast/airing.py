"""One sound of an order at a set of loudspeakers. Pure.

An order has one life, and below it airings: one where all its loudspeakers are free, else one for
each that becomes free later. The audio process knows each as a programme of its own.
"""

from collections.abc import Collection

import msgspec

from broadcast.order import TURN

# Ends the name of an emergency's siren that sounds before its words are made.
SIREN = f"{TURN}0"


class Airing(msgspec.Struct, frozen=True, omit_defaults=True):
    """It sounds `at` these loudspeakers; its `number` is the order's turn.

    `siren`: the siren that goes before the words. Where no words can be made, it `stands` for them.
    """

    number: int
    at: tuple[str, ...]
    siren: bool = False
    stands: bool = False

    @property
    def said(self) -> bool:
        """Whether whoever hears it hears what the order is to say."""
        return self.stands or not self.siren

    def only(self, speakers: Collection[str]) -> "Airing":
        """The same at these loudspeakers."""
        return Airing(self.number, tuple(sorted(speakers)), self.siren, self.stands)

    def name(self, order_id: str) -> str:
        """How the audio process calls it."""
        if self.siren:
            return f"{order_id}{SIREN}"
        return order_id if self.number == 0 else f"{order_id}{TURN}{self.number}"


def order_of(programme: str) -> str:
    """The order that the audio process plays by that name."""
    return programme.partition(TURN)[0]


def airing_of(programme: str, at: frozenset[str]) -> Airing:
    """What sounds there by that name."""
    number = programme.partition(TURN)[2]
    counted = int(number) if number.isdecimal() else 0
    return Airing(counted, tuple(sorted(at)), siren=programme.endswith(SIREN))

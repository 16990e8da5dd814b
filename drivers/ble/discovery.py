"""Which sensors are within range: what each reports, and the models that match it. Pure.

Only messages in known formats are kept, of a bounded number of senders; everything else, such as
phones and headphones, is forgotten at once.
"""

from collections.abc import Iterable

import msgspec

from drivers.ble.codec import DecodedMessage, RejectReason, decode_message, format_of
from drivers.ble.scanner import Advert
from drivers.profile import Profile

SENDERS_MAX = 200
MODELS_MAX = 3


class DiscoveredSensor(msgspec.Struct):
    """One sender so far. `sealed`: its messages are encrypted."""

    address: str
    format: str
    rssi: int
    sealed: bool = False
    adverts: int = 0
    says: dict[str, str] = {}


class SensorDiscovery:
    """All senders in known formats."""

    def __init__(self) -> None:
        self.seen: dict[str, DiscoveredSensor] = {}
        self._called: dict[str, str] = {}

    def add_advert(self, advert: Advert) -> DiscoveredSensor | None:
        """Process an advert; returns the sender if there is news of it."""
        news = None
        for message in advert.messages():
            form = format_of(message)
            if form is not None:
                news = self._take(advert, form.name, message) or news
        return news

    def _take(self, advert: Advert, form: str, message: bytes) -> DiscoveredSensor | None:
        mac = bytes.fromhex(advert.address.replace(":", ""))
        found = decode_message(message, mac)
        sealed = not isinstance(found, DecodedMessage) and found.why is RejectReason.SEALED
        if not sealed and not isinstance(found, DecodedMessage):
            return None
        known = self._known(
            advert, form, found.identity if isinstance(found, DecodedMessage) else None
        )
        if known is None:
            return None
        before = (known.sealed, len(known.says), known.adverts == 0)
        known.adverts += 1
        known.rssi = advert.rssi
        known.sealed = known.sealed or sealed
        if isinstance(found, DecodedMessage):
            known.says.update({each.what: str(each.value) for each in found.measures})
        return known if (known.sealed, len(known.says), known.adverts == 0) != before else None

    def _known(self, advert: Advert, form: str, identity: str | None) -> DiscoveredSensor | None:
        """The sender by its identity or address; None if there are too many."""
        if identity is not None and len(self._called) < SENDERS_MAX:
            self._called[advert.address] = identity
            before = self.seen.pop(advert.address, None)
            if before is not None:
                before.address = identity
                self.seen.setdefault(identity, before)
        name = self._called.get(advert.address, advert.address)
        if name not in self.seen and len(self.seen) < SENDERS_MAX:
            self.seen[name] = DiscoveredSensor(name, form, advert.rssi)
        return self.seen.get(name)


def matching_models(seen: DiscoveredSensor, profiles: Iterable[Profile]) -> list[Profile]:
    """The models that report what this sender reports, exact matches first."""
    said = set(seen.says)
    fitting = []
    for profile in profiles:
        quantities = {str(spec.address) for spec in profile.point if spec.kind == seen.format}
        if quantities and (not said or said & quantities):
            rank = (len(said - quantities), len(quantities - said), profile.id)
            fitting.append((rank, profile))
    return [profile for _, profile in sorted(fitting, key=lambda each: each[0])[:MODELS_MAX]]

"""What a kiosk's screen shows of an emergency that is ordered where it stands."""

from typing import NamedTuple, Protocol


class ScreenAlert(NamedTuple):
    """An emergency: its words as they are said, in that language; "" where only a sound is."""

    id: str
    words: str
    language: str = "zh"


class AlertSource(Protocol):
    """The station's emergencies; the sounding room is behind it."""

    def find_alert(self, zone: str, place: str) -> ScreenAlert | None:
        """The gravest that goes on in that zone or concerns that place, the newest of several."""


class NullAlerts:
    """Where nothing can sound, nothing is ordered."""

    def find_alert(self, zone: str, place: str) -> ScreenAlert | None:
        """None, ever."""
        del zone, place
        return None

"""The broadcast of a station without loudspeakers, or of one whose broadcast cannot be built."""

from collections.abc import Callable, Mapping

from broadcast.pages.no_speakers import no_speakers_api, no_speakers_section
from gateway.health import Vitals
from gateway.rules.actions import ActionHandler
from gateway.upstream.inbox.command import CommandKind
from gateway.web.section import Section


class NoBroadcast:
    """A silent broadcast: its pages say how to get a loudspeaker, the rest does nothing."""

    speaking = None
    listening = None
    alerts = None
    tone = None
    doers: Mapping[str, ActionHandler] = {}
    rooms = ()

    def handle_readings(self, device: str, readings: object) -> None:
        """Ignore wall keys: nothing can sound."""

    def sections(
        self, vitals: Callable[[], Vitals], names: Callable[[], Mapping[str, str]]
    ) -> list[Section]:
        """The addresses of the broadcast, each with how to get a loudspeaker."""
        del names
        return [no_speakers_api(), no_speakers_section(vitals)]

    def kinds(self, uplink: str) -> list[CommandKind]:
        """The platform may order nothing."""
        del uplink
        return []

    def unheard(self) -> bool:
        """No emergency waits to be heard."""
        return False

    async def health(self) -> None:
        """There is nothing to look at."""

    async def start(self) -> None:
        """Nothing was open."""

    async def stop(self) -> None:
        """Nothing goes on."""

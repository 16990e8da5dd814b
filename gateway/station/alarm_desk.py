"""The desk's alarm pages over the station's rules."""

from collections.abc import Callable, Mapping

from gateway.config.schema import Settings
from gateway.desk.alarms.board import AlarmBoard
from gateway.desk.alarms.desk_ring import DeskRing
from gateway.desk.alarms.section import section
from gateway.health import AlarmVitals, Vitals
from gateway.journal import Journal
from gateway.rules.service import RuleService
from gateway.web.section import Section
from kiosk.requests.catalogue import load_services


class AlarmDesk:
    """Rings the desk for linkages, and shows every alarm."""

    def __init__(
        self, settings: Settings, names: Callable[[], Mapping[str, str]], journal: Journal
    ) -> None:
        """`calls` handles a linkage's `call`; `names` are the people with an account."""
        self.calls = DeskRing()
        self._settings = settings
        self._names = names
        self._journal = journal
        self._board: AlarmBoard | None = None

    def vitals(self) -> AlarmVitals:
        """The alarms in the vital signs."""
        return AlarmVitals() if self._board is None else self._board.vitals()

    def section(self, rules: RuleService, vitals: Callable[[], Vitals]) -> Section:
        """The pages over those rules."""
        devices = {one.id: one.options.name for one in self._settings.devices.values()}
        zones = {name: zone.name for name, zone in self._settings.zones.items()}
        self._board = AlarmBoard(
            rules,
            self.calls,
            self._settings.places,
            self._names,
            devices,
            zones=zones,
            offers=self._offers(),
        )
        return section(self._board, self._journal, vitals)

    def _offers(self) -> Mapping[str, str]:
        """What linkages can announce and open, by name."""
        presets, language = self._settings.sound.presets, self._settings.station.language
        said = {f"announce.{name}": preset.name for name, preset in presets.items()}
        opened = {f"request.{one.id}": one.name.text(language) for one in load_services().values()}
        return {**said, **opened}

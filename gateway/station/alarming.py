"""The desk's alarms, over the station's rules."""

from collections.abc import Callable, Mapping

from gateway.appliance.schema import Settings
from gateway.desk.alarms.board import Board
from gateway.desk.alarms.calls import Calls
from gateway.desk.alarms.section import section
from gateway.health import Vitals
from gateway.journal import Journal
from gateway.rules.room import Rules
from gateway.web.section import Section


class Alarming:
    """Rings the desk for linkages, and shows it every alarm."""

    def __init__(
        self, settings: Settings, names: Callable[[], Mapping[str, str]], journal: Journal
    ) -> None:
        """`calls` is the doer of a linkage's `call`; `names` are the people with an account."""
        self.calls = Calls()
        self._settings = settings
        self._names = names
        self._journal = journal

    def section(self, rules: Rules, vitals: Callable[[], Vitals]) -> Section:
        """The pages over those rules."""
        devices = {one.id: one.options.name for one in self._settings.devices.values()}
        board = Board(rules, self.calls, self._settings.places, self._names, devices)
        return section(board, self._journal, vitals)

"""Reads `station.toml` with every room's options, and collects every mistake in one pass."""

import copy
import zoneinfo
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from drivers.bus_kinds import bus_kinds
from gateway.config.bus_fit import check_fit
from gateway.config.devices import DeviceReader
from gateway.config.kiosks import KioskReader, eavesdropping, read_kiosks, without_voice
from gateway.config.linkages import LinkageReader
from gateway.config.paths import FILE_NAME
from gateway.config.rules import RuleReader, read_rules
from gateway.config.schema import (
    BUSES_MAX,
    DEVICES_MAX,
    INLETS_MAX,
    SCHEMA,
    SECTIONS,
    BusSetting,
    DeviceSetting,
    Settings,
    StationOptions,
    ZoneOptions,
)
from gateway.config.shapes import measured_rules, page_port_faults
from gateway.config.sound import SoundReader, read_sound
from gateway.config.uplinks import read_uplink
from gateway.discovery.options import DiscoveryOptions
from gateway.errors import SettingsError
from gateway.event import ID_PATTERN
from gateway.journal.options import JournalOptions
from gateway.places import STATION, PlaceName, PlaceOptions, Places, find_faults
from gateway.rules.core import RulesPlan
from gateway.toml import Decoder, KeyPath, Mistake, TomlDocument, parse, read, settings_error
from gateway.web.server import WebOptions

UPLINKS_MAX = 4

# What is left out may leave others without what they refer to: so many rounds of that.
SALVAGE_ROUNDS_MAX = 50

T = TypeVar("T")
Options = TypeVar("Options", bound=msgspec.Struct)


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that every `[bus.*]` and `[inlet.*]` has; `name` is for people."""

    kind: str
    name: PlaceName | None = None


def load(config: Path) -> Settings:
    """Read the settings of that folder (or file); SettingsError lists every mistake."""
    settings, mistakes = examine(config)
    if settings is None:
        raise settings_error(mistakes)
    return settings


def settings_file(config: Path) -> Path:
    """The settings file in that folder; a file is returned as it is."""
    return config if config.is_file() else config / FILE_NAME


def own_profiles(config: Path) -> Path:
    """The folder of the installer's device models beside the settings; it may not exist."""
    return settings_file(config).parent / "devices"


def examine(config: Path) -> tuple[Settings | None, tuple[Mistake, ...]]:
    """The settings (None after a mistake), and the mistakes in the file's order."""
    return _examined(lambda: read(settings_file(config)))


def examine_text(text: bytes, config: Path) -> tuple[Settings | None, tuple[Mistake, ...]]:
    """Examine a text that may become the settings file of that folder."""
    return _examined(lambda: parse(text, str(settings_file(config))))


def _examined(
    document_of: Callable[[], TomlDocument],
) -> tuple[Settings | None, tuple[Mistake, ...]]:
    try:
        document = document_of()
    except SettingsError as error:
        return None, error.data["mistakes"]
    decoder = Decoder(document)
    settings = _Loader(decoder, document).settings()
    found = (*decoder.mistakes, *decoder.judgements)
    mistakes = tuple(sorted(found, key=lambda mistake: mistake.line))
    return (None if mistakes else settings), mistakes


def salvage(text: bytes, config: Path) -> tuple[Settings | None, tuple[Mistake, ...]]:
    """What a station can start with of that text, and the mistakes in it.

    What cannot be built is left out together with what depends on it; what is merely disputed
    stays. None if nothing remains that names the station. SettingsError for a text that is not
    TOML.
    """
    document = parse(text, str(settings_file(config)))
    table, told = copy.deepcopy(document.table), dict[tuple[str, str], Mistake]()
    for _ in range(SALVAGE_ROUNDS_MAX):
        left = msgspec.structs.replace(document, table=table)
        decoder = Decoder(left)
        settings = _Loader(decoder, left).settings()
        for mistake in (*decoder.mistakes, *decoder.judgements):
            told.setdefault((mistake.path, mistake.code), mistake)
        if not decoder.mistakes:
            return settings, tuple(told.values())
        # A mistake without a path lies in a file beside the settings; nothing here can be left out.
        blamed = {tuple(map(str, path[:2])) for path in decoder.blamed if path}
        if not sum(_leave_out(table, *path) for path in sorted(blamed)):
            break
    return None, tuple(told.values())


def _leave_out(table: dict[str, Any], section: str, key: str = "") -> bool:
    """Remove what is wrong: a device, a zone, a key of a single section; False if it is not there.

    A single section without a key uses the default; if that is wrong as well, the section is
    removed, and with `station` everything.
    """
    if section == "schema":
        table["schema"] = SCHEMA
        return True
    found = table.get(section)
    if isinstance(found, dict) and key in found:
        del found[key]
        return True
    return table.pop(section, None) is not None


class _Loader:
    """Reads the sections in an order in which each finds what it refers to."""

    def __init__(self, decoder: Decoder, document: TomlDocument) -> None:
        self._decoder = decoder
        self._table = document.table
        self._file = Path(document.file)

    def settings(self) -> Settings | None:
        self._sections()
        station = self._station()
        journal = self._single("journal", JournalOptions)
        web = self._single("web", WebOptions)
        discovery = self._single("discovery", DiscoveryOptions)
        places = self._each("place", lambda _, t, path: self._decoder.struct(PlaceOptions, t, path))
        tree = self._tree(station, places)
        place_ids = {STATION, *self._ids("place")}
        zones = self._each("zone", lambda _, t, path: self._zone(t, path, place_ids))
        buses = self._each("bus", self._bus, most=BUSES_MAX)
        buses |= self._each("inlet", self._inlet, most=INLETS_MAX)
        uplinks = self._each("upstream", partial(read_uplink, self._decoder), most=UPLINKS_MAX)
        reader = DeviceReader(
            self._decoder,
            buses=self._ids("bus"),
            inlets=self._ids("inlet"),
            places=place_ids,
            own=own_profiles(self._file),
        )
        devices = self._each("device", reader.device, most=DEVICES_MAX)
        check_fit(self._decoder, buses, devices)
        if web is not None:
            for path, fault in page_port_faults(buses, {web.port, web.lan_port}):
                self._decoder.blame_error(path, fault)
        if station is None or journal is None or web is None or discovery is None or tree is None:
            return None
        rules = self._rules(station, tree, zones, buses, devices)
        for path, fault in measured_rules(() if rules is None else rules.watches, devices):
            self._decoder.blame_error(path, fault)
        keyed = KioskReader(
            self._decoder,
            zones=self._ids("zone"),
            places=place_ids,
            devices=devices,
            named=self._ids("device"),
            microphones=self._ids("microphone"),
        )
        requests = read_kiosks(keyed, self._each, station)
        if rules is None:
            return None
        sounds = SoundReader(
            self._decoder, written=self._ids, linkages=rules.linkages, devices=devices
        )
        sound = read_sound(sounds, self._table, self._each)
        if sound is None:
            return None
        without_voice(self._decoder, requests, sound.speakers)
        eavesdropping(self._decoder, requests, sound.keys)
        return Settings(
            station=station,
            journal=journal,
            web=web,
            discovery=discovery,
            places=tree,
            zones=zones,
            buses=buses,
            devices=devices,
            uplinks=uplinks,
            rules=rules,
            requests=requests,
            sound=sound,
        )

    def _rules(
        self,
        station: StationOptions,
        tree: Places,
        zones: dict[str, ZoneOptions],
        buses: dict[str, BusSetting],
        devices: dict[str, DeviceSetting],
    ) -> RulesPlan | None:
        """`[rule.*]`, `[linkage.*]` and `[duty]` refer to all other sections."""
        reader = RuleReader(
            self._decoder,
            table=self._table,
            places=tree,
            zones=zones,
            buses=buses,
            devices=devices,
            timezone=station.timezone,
            language=station.language,
            own=self._file.parent,
        )
        rules = {"rule": reader.rule_ids}
        linkage = LinkageReader(
            self._decoder,
            written=lambda section: rules.get(section) or self._ids(section),
            devices=devices,
        )
        return read_rules(reader, linkage, self._each)

    def _sections(self) -> None:
        for key in self._table:
            self._decoder.refers(key, SECTIONS, (key,), "settings.unknown-section")
        if self._table.get("schema") != SCHEMA:
            found = self._table.get("schema")
            self._decoder.blame(("schema",), "check.schema", found=found, schema=SCHEMA)

    def _station(self) -> StationOptions | None:
        if "station" not in self._table:
            self._decoder.blame(("station",), "settings.missing-section", key="station")
            return None
        station = self._single("station", StationOptions)
        if station is not None:
            try:
                zoneinfo.ZoneInfo(station.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                at = ("station", "timezone")
                self._decoder.blame(at, "check.unknown-timezone", timezone=station.timezone)
        return station

    def _single(self, section: str, shape: type[Options]) -> Options | None:
        return self._decoder.struct(shape, self._table.get(section, {}), (section,))

    def _ids(self, section: str) -> Collection[str]:
        table = self._table.get(section)
        return table.keys() if isinstance(table, dict) else ()

    def _each(
        self,
        section: str,
        decode: Callable[[str, Any, KeyPath], T | None],
        *,
        most: int = DEVICES_MAX,
    ) -> dict[str, T]:
        """Decode every table of a section, by id; those with a mistake are left out."""
        table = self._table.get(section, {})
        if not self._decoder.value(dict[str, Any], table, (section,)):
            return {}
        if len(table) > most:
            self._decoder.blame((section,), "check.too-many", section=section, max=most)
            return {}
        made: dict[str, T] = {}
        for key, inner in table.items():
            path = (section, key)
            if not ID_PATTERN.fullmatch(key):
                self._decoder.blame(path, "settings.bad-id", key=key)
            option = decode(key, inner, path)
            if option is not None:
                made[key] = option
        return made

    def _tree(
        self, station: StationOptions | None, places: dict[str, PlaceOptions]
    ) -> Places | None:
        """Build the tree of places; it is checked only if every place was read."""
        if len(places) < len(self._ids("place")):
            return None
        found = list(find_faults(places))
        for fault in found:
            if fault.code == "places.unknown":
                at = ("place", fault.place, "in")
                self._decoder.refers(fault.data["place"], places, at, "check.unknown-place")
            elif fault.code != "places.bad-id":  # `_each` has looked at every id
                self._decoder.blame(("place", fault.place), fault.code, **fault.data)
        return None if found or station is None else Places(station.name, places)

    def _zone(self, table: Any, path: KeyPath, places: Collection[str]) -> ZoneOptions | None:
        zone = self._decoder.struct(ZoneOptions, table, path)
        for index, place in enumerate(zone.places if zone else ()):
            self._decoder.refers(place, places, (*path, "places", index), "check.unknown-place")
        return zone

    def _bus(self, bus_id: str, table: Any, path: KeyPath) -> BusSetting | None:
        kinds = bus_kinds()
        named = table.get("kind") if isinstance(table, dict) else None
        kind = None
        if isinstance(named, str):
            self._decoder.refers(named, kinds, (*path, "kind"), "check.unknown-kind")
            kind = kinds.get(named)
        shapes = (_Kind, kind.options) if kind else (_Kind,)
        parts = self._decoder.structs(shapes, table, path, others=kind is None)
        if parts is None or kind is None:
            return None
        common = parts[0]
        assert isinstance(common, _Kind)
        return BusSetting(bus_id, kind.name, parts[1], common.name or "")

    def _inlet(self, inlet_id: str, table: Any, path: KeyPath) -> BusSetting | None:
        from drivers.inlets.kinds import INLET_KINDS  # noqa: PLC0415  # if one is written

        if inlet_id in self._ids("bus"):
            self._decoder.blame(path, "check.inlet-is-bus", inlet=inlet_id)
        named = table.get("kind") if isinstance(table, dict) else None
        kind = INLET_KINDS.get(named) if isinstance(named, str) else None
        if isinstance(named, str):
            self._decoder.refers(named, INLET_KINDS, (*path, "kind"), "check.unknown-inlet-kind")
        shapes = (_Kind, kind.options) if kind else (_Kind,)
        parts = self._decoder.structs(shapes, table, path, others=kind is None)
        if parts is None or kind is None:
            return None
        common = parts[0]
        assert isinstance(common, _Kind)
        return BusSetting(inlet_id, kind.name, parts[1], common.name or "", inlet=True)

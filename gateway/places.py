"""The tree of places: station → grid → building → unit → lift, floor, flat.

Every device, input, zone, alarm, request and event names a place by its id; "" is the station
itself, the root. The nearest loudspeaker and the spoken name of a place are determined only here.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated

import msgspec

from gateway.errors import NotFound, UsageError
from gateway.event import ID_PATTERN

# The id of the root.
STATION = ""

# A flat is six steps below the station; twice that is a mistake.
DEPTH_MAX = 12

PlaceName = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class PlaceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[place]` in station.toml: `b3-f5 = { name = "3号楼5层", in = "b3" }`.

    `code` is the district's grid code; `spoken` replaces the name where it is spoken.
    """

    name: PlaceName
    inside: str = msgspec.field(default=STATION, name="in")
    code: str | None = None
    spoken: PlaceName | None = None


class Place(msgspec.Struct, frozen=True):
    """One node of the tree; `parent` is an id, None for the station."""

    id: str
    name: str
    parent: str | None
    code: str | None = None
    spoken: str | None = None


class PlaceFault(msgspec.Struct, frozen=True):
    """A mistake in one place of the settings; `key` is the option at fault, if there is one."""

    place: str
    code: str
    key: str | None = None
    data: dict[str, str] = {}


def find_faults(options: Mapping[str, PlaceOptions]) -> Iterator[PlaceFault]:
    """Everything that keeps these places from being a tree."""
    for place_id, option in options.items():
        if not ID_PATTERN.fullmatch(place_id):
            yield PlaceFault(place_id, "places.bad-id", data={"id": place_id})
        if option.inside not in options and option.inside != STATION:
            yield PlaceFault(place_id, "places.unknown", "in", {"place": option.inside})
    yield from _cycles(options)


def _cycles(options: Mapping[str, PlaceOptions]) -> Iterator[PlaceFault]:
    """Each cycle once, at its first place in the file; and branches that are too deep."""
    blamed: set[str] = set()
    for place_id in options:
        way = [place_id]
        while (parent := options[way[-1]].inside) in options and parent not in way:
            way.append(parent)
        if parent == place_id and not blamed.intersection(way):
            circle = " → ".join([*way, place_id])
            yield PlaceFault(place_id, "places.cycle", "in", {"circle": circle})
            blamed.update(way)
        elif parent not in way and len(way) > DEPTH_MAX:
            yield PlaceFault(place_id, "places.too-deep", "in", {"max": str(DEPTH_MAX)})


class Places:
    """The tree. An unknown id is the caller's mistake (UsageError)."""

    def __init__(self, station_name: str, options: Mapping[str, PlaceOptions]) -> None:
        """Build the tree; UsageError with the first of `find_faults`."""
        for fault in find_faults(options):
            raise UsageError(fault.code, **fault.data)
        self._places = {STATION: Place(STATION, station_name, None)}
        for place_id, option in options.items():
            self._places[place_id] = Place(
                place_id, option.name, option.inside, option.code, option.spoken
            )
        self._below: dict[str, list[str]] = {place_id: [] for place_id in self._places}
        for place in self._places.values():
            if place.parent is not None:
                self._below[place.parent].append(place.id)

    def __contains__(self, place_id: str) -> bool:
        return place_id in self._places

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def get(self, place_id: str) -> Place:
        """The place of that id."""
        try:
            return self._places[place_id]
        except KeyError:
            raise NotFound("places.unknown", place=place_id) from None

    def find(self, word: str) -> Place | None:
        """The place with that id or name; None if two have the name."""
        if word in self._places:
            return self._places[word]
        named = [place for place in self if place.name == word]
        return named[0] if len(named) == 1 else None

    def chain(self, place_id: str) -> tuple[Place, ...]:
        """The place and everything around it, outwards, ending with the station."""
        place = self.get(place_id)
        around = [place]
        while place.parent is not None:
            place = self._places[place.parent]
            around.append(place)
        return tuple(around)

    def ancestors(self, place_id: str) -> tuple[Place, ...]:
        """Everything around the place, outwards, without itself."""
        return self.chain(place_id)[1:]

    def within(self, place_id: str, outer_id: str) -> bool:
        """Whether the place is `outer_id` or lies in it."""
        return self.get(outer_id) in self.chain(place_id)

    def below(self, place_id: str) -> tuple[Place, ...]:
        """The place and everything in it, each before its own content."""
        found = [self.get(place_id)]
        for place in found:  # grows during the loop
            found += [self._places[inner] for inner in self._below[place.id]]
        return tuple(found)

    def nearest(self, place_id: str, candidates: Collection[str]) -> str | None:
        """The innermost of the candidates that contains the place: this lift, else its building."""
        return next((p.id for p in self.chain(place_id) if p.id in candidates), None)

    def grid_code(self, place_id: str) -> str | None:
        """The district's code of the grid that contains the place."""
        return next((p.code for p in self.chain(place_id) if p.code is not None), None)

    def path(self, place_id: str) -> str:
        """The names from the outside in, for pages: `第31网格 › 3号楼 › 3号楼5层`.

        For a place that the settings no longer have, its id.
        """
        if place_id not in self:
            return place_id
        inside = self.chain(place_id)[:-1] or self.chain(place_id)
        return " › ".join(place.name for place in reversed(inside))

    def spoken(self, place_id: str) -> str:
        """The spoken name of the place: `3号楼5层`, whether it is named so or only `5层`.

        Names of surrounding places are prepended as far as the building: grids (places with
        a code) and the station are left out. For a place that no longer exists, its id.
        """
        if place_id not in self:
            return place_id
        called = ""
        for place in self.chain(place_id):
            own = place.spoken or place.name
            if called and (place.code is not None or place.parent is None):
                break
            if not called.startswith(own):
                called = own + called
            if place.spoken is not None:
                break
        return called

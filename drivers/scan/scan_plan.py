"""The probes of a scan, their order, and how long they take. Pure.

    1  meters that answer a broadcast request for their address: one probe per line
    2  the usual addresses on every usual line
    3  more addresses on every line
    4  the rest, where something was found (else on the most usual line); `thorough`: everywhere

Cheap and likely probes come first, so that most lines are known within a minute.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from drivers.profile import Profile
from drivers.scan.probe import FamilyScanner, ScanProbe
from drivers.serial_line import SerialLine

# How many addresses of a family are usual, and how many are worth trying on every line.
USUAL, MORE = 10, 32


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to scan; an empty field means everything usual.

    `scopes` are addresses of a family that is scanned one by one. `wait_s` replaces the families'
    own.
    """

    families: tuple[str, ...] = ()
    lines: tuple[SerialLine, ...] = ()
    scopes: tuple[str, ...] = ()
    thorough: bool = False
    wait_s: float | None = None


class ScanPlan:
    """The waves of a scan. A later wave depends on where an earlier one found something."""

    def __init__(
        self, finders: Iterable[FamilyScanner], profiles: Sequence[Profile], wanted: ScanRequest
    ) -> None:
        """`profiles` tell with which line settings devices are delivered."""
        self._wanted = wanted
        self._finders = [
            each for each in finders if not wanted.families or each.family in wanted.families
        ]
        self._lines = {
            each.family: wanted.lines or usual_lines(each, profiles) for each in self._finders
        }
        self.waves = (self._anybody, self._usual, self._more, self._rest)

    def wave(self, number: int, found: Collection[tuple[str, SerialLine]]) -> list[ScanProbe]:
        """The probes of that wave; `found` has the (family, line) pairs found so far."""
        return list(self.waves[number](found))

    def cost_s(self, after: int, found: Collection[tuple[str, SerialLine]]) -> float:
        """How long the waves from number `after` on take if nothing answers."""
        waves = range(after, len(self.waves))
        return sum(call.cost_s for number in waves for call in self.wave(number, found))

    def _anybody(self, _found: Collection[tuple[str, SerialLine]]) -> Iterable[ScanProbe]:
        shared = [each for each in self._finders if each.may_collide(each.scopes()[0])]
        longest = max((len(self._lines[each.family]) for each in shared), default=0)
        for rank in range(longest):
            for finder in shared:
                for line in self._lines[finder.family][rank : rank + 1]:
                    yield from self._calls(finder, line, finder.scopes())

    def _usual(self, _found: Collection[tuple[str, SerialLine]]) -> Iterable[ScanProbe]:
        if self._wanted.scopes:
            return self._one_by_one(slice(None), self._wanted.scopes)
        return self._one_by_one(slice(USUAL))

    def _more(self, _found: Collection[tuple[str, SerialLine]]) -> Iterable[ScanProbe]:
        return () if self._wanted.scopes else self._one_by_one(slice(USUAL, MORE))

    def _rest(self, found: Collection[tuple[str, SerialLine]]) -> Iterable[ScanProbe]:
        if self._wanted.scopes:
            return
        for finder in self._single():
            lines = self._lines[finder.family]
            hit = tuple(line for line in lines if (finder.family, line) in found)
            for line in lines if self._wanted.thorough else hit or lines[:1]:
                yield from self._calls(finder, line, finder.scopes()[MORE:])

    def _one_by_one(self, which: slice, scopes: tuple[str, ...] = ()) -> Iterable[ScanProbe]:
        for finder in self._single():
            for line in self._lines[finder.family]:
                yield from self._calls(finder, line, scopes or finder.scopes()[which])

    def _single(self) -> list[FamilyScanner]:
        return [each for each in self._finders if not each.may_collide(each.scopes()[0])]

    def _calls(
        self, finder: FamilyScanner, line: SerialLine, scopes: Iterable[str]
    ) -> Iterable[ScanProbe]:
        wait_s = finder.wait_s if self._wanted.wait_s is None else self._wanted.wait_s
        return (ScanProbe(finder, line, scope, wait_s) for scope in scopes)


def usual_lines(finder: FamilyScanner, profiles: Iterable[Profile]) -> tuple[SerialLine, ...]:
    """The family's line settings: those of its models by frequency, then the others."""
    delivered = Counter(
        SerialLine.parse(each.line)
        for each in profiles
        if each.family == finder.family and each.line is not None
    )
    first = [line for line, _ in delivered.most_common() if line in finder.lines]
    return tuple(dict.fromkeys([*first, *finder.lines]))


def split_probe(call: ScanProbe) -> list[ScanProbe]:
    """Probes of the parts of a scope in which several devices answered at once."""
    return [
        ScanProbe(call.scanner, call.line, scope, call.wait_s)
        for scope in call.scanner.split_scope(call.scope)
    ]

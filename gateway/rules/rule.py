"""`[rule.*]` and its watches, one for each point that a rule watches. Pure.

    water-b3.flow    a point of a device, or an input of a contact module by its id
    water-b3         a device as a whole: whether anything is read from it
    bus.meters       a bus: whether it is up
    rule.smoke-b3    another rule: whether its condition holds
    station.tasks    the station itself: whether all its tasks go on

Each point of a list is watched separately and has its own alarm; the points of a table play the
roles of one combination and have one alarm together.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from gateway.calendar import Calendar, TimeWindow
from gateway.errors import UsageError
from gateway.event import ID_PATTERN, Severity
from gateway.rules import confirmation
from gateway.rules.kinds import PointInfo, RuleKind, S, combination, quantities
from gateway.rules.rule_templates import RuleTemplate, option_shapes

# Points that one rule may watch.
INPUTS_MAX = 64

# The point that stands for all points of a device.
WHOLE = "*"

# Pseudo devices, whose readings come from the station itself.
BUS, RULE, OWN = "bus", "rule", "station"

# Statements of the station: its tasks go on, its emergencies are heard.
TASKS, HEARD = "tasks", "heard"

GAP_PERIODS = 3
# A point without a reading for longer than both is interrupted.
GAP_S_MIN = 10.0

ConfigId = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]
# Device and point.
PointKey = tuple[str, str]


class RuleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[rule.<id>]`: a template, what it watches, and what differs here.

    `parent`: the rule whose alarm explains this one's (a dead bus). `set` replaces settings of
    the template, `advice` its advice. `private`: public announcements do not say where.
    """

    use: ConfigId
    on: (
        Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=INPUTS_MAX)]
        | Annotated[dict[str, str], msgspec.Meta(min_length=1, max_length=combination.TERMS_MAX)]
    )
    set: dict[str, Any] = {}
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    severity: Severity | None = None
    latch: bool | None = None
    parent: ConfigId | None = None
    private: bool | None = None
    advice: Annotated[str, msgspec.Meta(min_length=1, max_length=120)] | None = None


# Kinds of input on which a life may depend, whatever rule watches them.
LIFE_SAFETY = frozenset({"smoke", "fire", "gas", "sos", "fall"})


class PointContext(NamedTuple):
    """A point in the settings: its place, how that is spoken, its name.

    `zone`: the innermost zone around it with a loudspeaker; `indoors`: the innermost that is
    not a street; `kind`: what is wired there.
    """

    key: PointKey
    point: PointInfo
    place: str = ""
    spoken: str = ""
    name: str = ""
    scopes: frozenset[str] = frozenset()
    zone: str | None = None
    indoors: str | None = None
    kind: str = ""


# Finds the point for a word of `on`; UsageError if there is none.
FindPoint = Callable[[str], PointContext]


class AlarmFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an alarm of a watch needs to know; `scopes` are the ids that maintenance may name.

    `about`: the bus or device that it is about; it explains only alarms of that. `last`: its
    reading is the last one, not the one that raised it. `zone`: the innermost zone around its
    place with a loudspeaker; `indoors`: the innermost that is not a street; `unit`: that of its
    point; `advice`: what to do first. `attend`, `private`, `life_safety` as in `RuleTemplate`;
    `language` is the station's.
    """

    rule: str
    use: str
    name: str
    severity: Severity
    latch: bool
    flap_ns: int
    place: str
    spoken: str
    point_name: str
    scopes: frozenset[str]
    parents: tuple[str, ...]
    about: str | None = None
    last: bool = False
    zone: str | None = None
    indoors: str | None = None
    unit: str = ""
    advice: str = ""
    attend: bool = False
    private: bool = False
    life_safety: bool = False
    language: str = "zh"


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """One watched condition; `roles`: the term of each input (combinations only).

    `gap_ns` None: its points report only changes, and their last value stands.
    """

    id: str
    kind: RuleKind
    limits: Any
    delays: confirmation.ConfirmationDelays
    window: TimeWindow
    hold_outside: bool
    inputs: tuple[PointKey, ...]
    roles: Mapping[PointKey, tuple[str, ...]] = {}
    gap_ns: int | None = None
    facts: AlarmFacts

    @property
    def needs_wall(self) -> bool:
        """Whether it needs the time of day."""
        return self.kind.needs_wall or not self.window.always


def build_watches(
    rule_id: str,
    rule: RuleOptions,
    recipe: RuleTemplate,
    look: FindPoint,
    *,
    calendar: Calendar,
    language: str,
) -> tuple[Watch, ...]:
    """The watches of that rule; UsageError (with `key`, the place) if it is impossible."""
    given = recipe.merged(rule.set)
    missing = [name for name in recipe.needs if name not in given]
    if missing:
        raise UsageError("rules.needs", key="set", recipe=recipe.id, names=", ".join(missing))
    delay, options = (_decode(shape, given) for shape in option_shapes(recipe.rule_kind))
    assert isinstance(delay, confirmation.ConfirmationOptions)
    make = _Maker(rule_id, rule, recipe, delay, calendar, language)
    joins = recipe.kind == combination.KIND.name
    if joins is not isinstance(rule.on, dict):
        code = "rules.wants-roles" if joins else "rules.wants-list"
        raise UsageError(code, key="on", recipe=recipe.id, roles=", ".join(recipe.roles))
    if isinstance(rule.on, dict):
        assert isinstance(options, combination.CombinationOptions)
        return (make.joined(options, {role: look(word) for role, word in rule.on.items()}),)
    if len(set(rule.on)) < len(rule.on):
        raise UsageError("rules.point-twice", key="on")
    return tuple(make.single(options, look(word), alone=len(rule.on) == 1) for word in rule.on)


def _decode(shape: type[msgspec.Struct], given: Mapping[str, Any]) -> msgspec.Struct:
    names = {field.encode_name for field in msgspec.structs.fields(shape)}
    try:
        return msgspec.convert({k: v for k, v in given.items() if k in names}, shape)
    except msgspec.ValidationError as error:
        raise UsageError("settings.unfit", key="set", reason=str(error)) from error


class _Maker(NamedTuple):
    """What the watches of one rule share."""

    rule_id: str
    rule: RuleOptions
    recipe: RuleTemplate
    delay: confirmation.ConfirmationOptions
    calendar: Calendar
    language: str

    def single(self, options: msgspec.Struct, known: PointContext, *, alone: bool) -> Watch:
        """A rule on one point; carries the rule's own id if it is the only one."""
        wanted = self.recipe.units
        if self._silence and known.key[0] in {BUS, RULE, OWN}:
            raise UsageError("rules.wants-device", key="on")
        if known.key[1] == WHOLE and not self._silence:
            raise UsageError("rules.wants-point", key="on")
        if wanted and not any(_measures(known.point, unit) for unit in wanted):
            names = {"point": ".".join(known.key), "unit": known.point.unit}
            names["wanted"] = ", ".join(wanted)
            raise UsageError("rules.unit-mismatch", key="on", **names)
        limits = self.recipe.rule_kind.prepare(options, known.point, self.calendar)
        watch_id = self.rule_id if alone else f"{self.rule_id}/{'.'.join(known.key)}"
        made = self._watch(watch_id, limits, (known,), _gap_ns([known.point]))
        if known.key[1] != WHOLE or alone:
            return made
        facts = msgspec.structs.replace(made.facts, about=known.key[0])
        return msgspec.structs.replace(made, facts=facts)

    @property
    def _silence(self) -> bool:
        """Whether it is about silence."""
        return self.recipe.kind == "heartbeat"

    def joined(
        self, options: combination.CombinationOptions, known: Mapping[str, PointContext]
    ) -> Watch:
        """A combination: every term has its point, and every point its term."""
        if known.keys() != options.terms.keys():
            names = ", ".join(options.terms)
            raise UsageError("rules.wants-roles", key="on", recipe=self.recipe.id, roles=names)
        terms = {}
        for role, term in options.terms.items():
            point = known[role].point
            if term.unit is not None and term.unit != point.unit:
                found = {"point": ".".join(known[role].key), "unit": point.unit}
                raise UsageError("rules.unit-mismatch", key="on", wanted=term.unit, **found)
            terms[role] = combination.prepare_term(role, term, point)
        whole = combination.prepare(options, PointInfo("1"), self.calendar)
        roles: dict[PointKey, tuple[str, ...]] = {}
        for role, each in known.items():
            roles[each.key] = (*roles.get(each.key, ()), role)
        limits = combination.CombinationLimits(terms, whole.when)
        gap_ns = _gap_ns([each.point for each in known.values()])
        return self._watch(self.rule_id, limits, tuple(known.values()), gap_ns, roles)

    def _watch(
        self,
        watch_id: str,
        limits: Any,
        known: tuple[PointContext, ...],
        gap_ns: int | None,
        roles: Mapping[PointKey, tuple[str, ...]] | None = None,
    ) -> Watch:
        return Watch(
            id=watch_id,
            kind=self.recipe.rule_kind,
            limits=limits,
            delays=self._delays(known),
            window=self.delay.window,
            hold_outside=self.delay.outside == "hold",
            inputs=tuple(dict.fromkeys(each.key for each in known)),
            roles=roles or {},
            gap_ns=gap_ns,
            facts=self._facts(known),
        )

    def _delays(self, known: tuple[PointContext, ...]) -> confirmation.ConfirmationDelays:
        """A template's delay does not apply to push buttons; a station's own does."""
        delays = confirmation.ConfirmationDelays.of_options(self.delay)
        if "for_s" in self.rule.set or not any(each.point.brief for each in known):
            return delays
        return msgspec.structs.replace(delays, for_ns=0)

    def _guards_lives(self, known: tuple[PointContext, ...]) -> bool:
        """Whether its input, not the input's cable, is of a life-safety kind."""
        return not self._silence and any(each.kind in LIFE_SAFETY for each in known)

    def _facts(self, known: tuple[PointContext, ...]) -> AlarmFacts:
        rule, recipe = self.rule, self.recipe
        severity = rule.severity or recipe.severity
        return AlarmFacts(
            rule=self.rule_id,
            use=recipe.id,
            name=rule.name or recipe.name.text(self.language),
            severity=severity,
            latch=recipe.latches(severity) if rule.latch is None else rule.latch,
            flap_ns=round(self.delay.flap_s * S),
            place=known[0].place,
            spoken=known[0].spoken,
            point_name=known[0].name,
            scopes=frozenset({self.rule_id}).union(*(each.scopes for each in known)),
            parents=() if rule.parent is None else (rule.parent,),
            about=known[0].key[1] if known[0].key[0] == BUS else None,
            last=self._silence,
            zone=known[0].zone,
            indoors=known[0].indoors,
            unit=known[0].point.unit,
            language=self.language,
            advice=rule.advice or (recipe.advice.text(self.language) if recipe.advice else ""),
            attend=recipe.attend and rule.latch is not False,
            private=recipe.private if rule.private is None else rule.private,
            life_safety=recipe.life_safety or self._guards_lives(known),
        )


def _measures(point: PointInfo, wanted: str) -> bool:
    """Whether limits in that unit apply to the point (a counter also has a rate)."""
    try:
        quantities.parse_amount(f"1 {wanted}", point.unit)
    except UsageError:
        return point.counter and quantities.is_hourly_rate(f"1 {wanted}", point.unit)
    return True


def _gap_ns(points: list[PointInfo]) -> int | None:
    """That of the slowest; None if one of them reports only changes."""
    slowest = 0.0
    for point in points:
        if point.every_s is None:
            return None
        slowest = max(slowest, point.every_s)
    return round(max(slowest * GAP_PERIODS, GAP_S_MIN) * S)

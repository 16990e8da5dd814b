"""The kinds of rule, one pure step each; `kind.py` says what a kind is."""

from gateway.rules.kinds import combination, profile, rate, state, still, threshold
from gateway.rules.kinds.kind import Kind, Moment, Point, S, Verdict

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        threshold.KIND,
        rate.KIND,
        profile.KIND,
        still.COUNTER,
        still.RUNNING,
        still.STUCK,
        state.STATE,
        state.COUNT,
        state.ABSENCE,
        state.HEARTBEAT,
        combination.KIND,
    )
}

__all__ = ["KINDS", "Kind", "Moment", "Point", "S", "Verdict"]

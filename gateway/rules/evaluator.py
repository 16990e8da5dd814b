"""Evaluates all watches: those that read a point, and those that are due. No I/O.

A fold over readings and instants: the same readings give the same signals in a station, a replay
and a test. The cost of a reading is that of the watches that read its point.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from drivers.contract import Quality, Reading
from gateway.calendar import Calendar
from gateway.faults import OnFault, log_fault
from gateway.rules import confirmation
from gateway.rules import watch as watching
from gateway.rules.kinds import RuleInstant
from gateway.rules.rule import RULE, WHOLE, PointKey, Watch
from gateway.rules.watch import WatchState

# Interval after which a due watch that failed is evaluated again.
AGAIN_NS = 60_000_000_000


class ConditionSignal(NamedTuple):
    """A watch's condition came (`on`) or went; `reading` is its last one, if any."""

    watch: Watch
    on: bool
    reading: Reading | None


class WatchEvaluator:
    """The watches and their states; `changed` are those whose state should be stored soon."""

    def __init__(
        self, watches: Sequence[Watch], calendar: Calendar, on_fault: OnFault = log_fault
    ) -> None:
        """All watches of the station; none has a reading yet.

        A watch that fails keeps its state and is evaluated again later.
        """
        self._on_fault = on_fault
        self.watches = {watch.id: watch for watch in watches}
        self.states = {watch.id: watching.initial_state(watch) for watch in watches}
        self.evaluated_ns: dict[str, int] = {}
        self.changed: set[str] = set()
        self.touched: set[str] = set()
        self._calendar = calendar
        self._readers: dict[PointKey, list[Watch]] = {}
        self._of_rule: dict[str, list[str]] = {}
        for watch in watches:
            self._of_rule.setdefault(watch.facts.rule, []).append(watch.id)
            for key in watch.inputs:
                self._readers.setdefault(key, []).append(watch)
        self.devices = frozenset(device for device, _ in self._readers)
        self._readings: dict[str, Reading] = {}
        self._alarms: list[tuple[int, str]] = []
        self._set_for: dict[str, int] = {}
        self._needing_wall = sum(watch.needs_wall for watch in watches)

    def start(self, moment: RuleInstant) -> list[ConditionSignal]:
        """Evaluate what time alone can change, and start counting silence."""
        return self._stepped([w for w in self.watches.values() if watching.is_timed(w)], moment)

    def restore(self, kept: Mapping[str, bytes], *, cut: bool) -> None:
        """Take over stored states; `cut`: an unknown time has passed since."""
        for watch_id, body in kept.items():
            watch = self.watches.get(watch_id)
            state = None if watch is None else watching.decode_state(watch.kind, body)
            if watch is not None and state is not None:
                self.states[watch_id] = watching.after_restart(watch, state, cut=cut)

    def assume(self, watch_id: str, *, on: bool) -> None:
        """Set the condition as present or gone, whatever was stored; readings go on."""
        state = self.states[watch_id]
        if state.confirmed.phase.on is not on:
            confirmed = (
                confirmation.ConfirmationState(confirmation.ConfirmationPhase.ACTIVE)
                if on
                else confirmation.IDLE
            )
            self.states[watch_id] = WatchState(
                state.inner, confirmed, state.heard_ns, state.verdict
            )
            self.changed.add(watch_id)

    def encode_states(self, watch_ids: Iterable[str]) -> dict[str, bytes]:
        """The encoded states of those watches."""
        return {
            watch_id: watching.encode_state(self.watches[watch_id].kind, self.states[watch_id])
            for watch_id in watch_ids
        }

    def paused(self, moment: RuleInstant) -> int:
        """How many watches wait for the time of day."""
        return self._needing_wall if moment.wall_ns is None else 0

    @property
    def next_ns(self) -> int | None:
        """The earliest instant at which `tick` has something to do."""
        return self._alarms[0][0] if self._alarms else None

    def read(self, readings: Sequence[Reading], moment: RuleInstant) -> list[ConditionSignal]:
        """One poll of one device: every watch that reads one of its points takes a step."""
        signals: list[ConditionSignal] = []
        joined: dict[str, tuple[Watch, Reading]] = {}
        alive: Reading | None = None
        for reading in readings:
            if reading.quality is not Quality.GOOD:
                continue
            alive = reading
            for watch in self._readers.get((reading.device, reading.point), ()):
                if watch.roles:
                    self._hear(watch, reading)
                    joined[watch.id] = (watch, reading)
                else:
                    signals += self._heard(watch, reading, moment)
        for watch, reading in joined.values():
            signals += self._heard(watch, reading, moment)
        if alive is not None:
            for watch in self._readers.get((alive.device, WHOLE), ()):
                signals += self._heard(watch, alive, moment)
        return self._followed(signals, moment) if signals else signals

    def replace_meter(self, device: str, point: str) -> None:
        """From its next reading on the counter is another meter's: the step is not consumption."""
        for watch in self._readers.get((device, point), ()):
            if not watch.roles:
                self.states[watch.id] = watching.after_replacement(watch, self.states[watch.id])
                self.touched.add(watch.id)

    def tick(self, moment: RuleInstant) -> list[ConditionSignal]:
        """Time has passed: every watch that is due takes a step."""
        due: list[Watch] = []
        while self._alarms and self._alarms[0][0] <= moment.at_ns:
            at_ns, watch_id = heapq.heappop(self._alarms)
            if self._set_for.get(watch_id) == at_ns:
                del self._set_for[watch_id]
                due.append(self.watches[watch_id])
        return self._stepped(due, moment)

    def _stepped(self, watches: Sequence[Watch], moment: RuleInstant) -> list[ConditionSignal]:
        signals: list[ConditionSignal] = []
        for watch in watches:
            try:
                after = watching.advance_time(watch, self.states[watch.id], moment, self._calendar)
                signals += self._become(watch, after, moment)
            except Exception as error:  # noqa: BLE001   # the edge: a mistake in one watch affects that watch only
                self._failed(watch, error)
                self._wake(watch.id, moment.at_ns + AGAIN_NS)
        return self._followed(signals, moment) if signals else signals

    def _hear(self, watch: Watch, reading: Reading) -> None:
        key = (reading.device, reading.point)
        state = self.states[watch.id]
        try:
            self.states[watch.id] = watching.update_input(watch, state, key, reading.value)
        except Exception as error:  # noqa: BLE001  # the edge: one watch's mistake is its own
            self._failed(watch, error)

    def _heard(self, watch: Watch, reading: Reading, moment: RuleInstant) -> list[ConditionSignal]:
        self._readings[watch.id] = reading
        try:
            after = watching.update_watch(
                watch, self.states[watch.id], reading, moment, self._calendar
            )
            return self._become(watch, after, moment)
        except Exception as error:  # noqa: BLE001  # the edge: one watch's mistake is its own
            self._failed(watch, error)
            return []

    def _failed(self, watch: Watch, error: Exception) -> None:
        self._on_fault(f"rules.watch.{watch.facts.use or watch.facts.rule}", error)

    def _become(
        self, watch: Watch, after: WatchState, moment: RuleInstant
    ) -> list[ConditionSignal]:
        before = self.states[watch.id]
        self.states[watch.id] = after
        self.evaluated_ns[watch.id] = moment.at_ns
        self.touched.add(watch.id)
        self._schedule(watch, after, moment)
        was, phase = before.confirmed.phase, after.confirmed.phase
        if was is phase:
            return []
        self.changed.add(watch.id)
        if was.on is phase.on:
            return []
        return [ConditionSignal(watch, phase.on, self._readings.get(watch.id))]

    def _schedule(self, watch: Watch, state: WatchState, moment: RuleInstant) -> None:
        """Wake at the due instant; a wake-up that is set already reschedules itself."""
        due_ns = watching.next_due(watch, state, moment)
        if due_ns is not None:
            self._wake(watch.id, due_ns)

    def _wake(self, watch_id: str, due_ns: int) -> None:
        already = self._set_for.get(watch_id)
        if already is None or due_ns < already:
            self._set_for[watch_id] = due_ns
            heapq.heappush(self._alarms, (due_ns, watch_id))

    def _followed(
        self, signals: list[ConditionSignal], moment: RuleInstant
    ) -> list[ConditionSignal]:
        """Also apply rules that watch other rules; the settings check excludes circles."""
        for signal in list(signals):
            rule = signal.watch.facts.rule
            if (RULE, rule) not in self._readers:
                continue
            holds = any(self.states[w].confirmed.phase.on for w in self._of_rule[rule])
            word = Reading(RULE, rule, holds, "1", Quality.GOOD, moment.at_ns)
            signals += self.read([word], moment._replace(shift_ns=None))
        return signals

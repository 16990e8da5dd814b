"""State machines as data: one table for each machine, with everything that can be asked of it."""

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

# Every long-lived thing of a station is a state machine: a resident's request, an alarm, an order
# of the broadcast, a loudspeaker's connection. Such a machine is written down here once, as a
# mapping from (state, event) to the state that follows, and nowhere else. No code compares two
# states to find out whether a step is allowed, and no code assigns a state that the table did not
# return: it asks the table, and the table answers with the next state or with nothing.
#
# A pair that is missing cannot happen, and what its absence means depends on who caused the event.
# A person (a press that another press has overtaken) is told that it cannot be done now. A remote
# side (a dispatcher whose answer comes after the resident has cancelled) is too late, which is
# normal and has its own handling. Our own code has a mistake: it uses `table[state, event]`, which
# raises KeyError, where the first two use `after`, which returns None.
#
# A pair may lead back to its own state. Such an event is recorded and announced like any other (one
# more member of staff has been called); only the time that the thing has been in its state goes on.
#
# Two kinds of states look alike and are not. A *final* state has no way out: nothing moves the
# thing any more. An *end* is a state in which nothing is owed to anybody. By default the ends are
# the final states; a machine that has others names them. A closed repair is an end, though its
# reporter may reopen it; a ride for which no car was found is an end, though a car that comes all
# the same must still be called off.
#
# Because the machine is data, what is usually hoped for can be checked. A table refuses to be built
# if a state cannot be reached from the start, or if from some state no end can be reached: a
# request that never ends would wait at the kiosk for ever. The diagrams in the documents are drawn
# from the tables, and a test compares them. The property tests take every table that is registered
# and run random schedules against it, so that a new machine is tested by being there.
#
# Timers, messages and permissions are no part of a table. Whoever drives the machine decides that
# an event has happened; the table decides what it means.


class TextEnum(enum.StrEnum):
    """An enum that a mapping finds by its text, too: states and events as the journal keeps them.

    A plain StrEnum equals its text but hashes by its name.
    """

    __hash__ = str.__hash__


StateT = TypeVar("StateT", bound=enum.Enum)
EventT = TypeVar("EventT", bound=enum.Enum)


class TransitionTable(Mapping[tuple[StateT, EventT], StateT], Generic[StateT, EventT]):
    """One machine: its transitions, where it starts, and the states that are ends.

    As a mapping it holds the transitions in the order in which they were written.
    """

    def __init__(
        self,
        start: StateT,
        transitions: Mapping[tuple[StateT, EventT], StateT],
        *,
        ends: Iterable[StateT] | None = None,
        unstored_start: bool = False,
    ) -> None:
        """ValueError if a state cannot be reached, or cannot come to an end.

        `ends` are the final states if it is None; a machine may have none. `unstored_start`: in its
        first state the thing does not exist yet (or any more), and diagrams show no box for it.
        """
        self._transitions = dict(transitions)
        self.start = start
        self.states = tuple(type(start))
        left = {state for state, _ in self._transitions}
        self.final = frozenset(self.states) - left
        self.ends = self.final if ends is None else frozenset(ends)
        self._unstored = start if unstored_start else None
        self._check()

    def __getitem__(self, step: tuple[StateT, EventT]) -> StateT:
        return self._transitions[step]

    def __iter__(self) -> Iterator[tuple[StateT, EventT]]:
        return iter(self._transitions)

    def __len__(self) -> int:
        return len(self._transitions)

    @property
    def events(self) -> frozenset[EventT]:
        """The events that can happen in some state."""
        return frozenset(event for _, event in self._transitions)

    def after(self, state: Any, event: Any) -> StateT | None:
        """The state that follows; None if the event cannot happen in that state.

        The states and events of a machine of `TextEnum` may be given as texts.
        """
        return self._transitions.get((state, event))

    def allowed(self, state: Any) -> tuple[EventT, ...]:
        """The events that can happen in that state, in the order of the table."""
        return tuple(event for left, event in self._transitions if left == state)

    def reachable(self, state: StateT) -> frozenset[StateT]:
        """The states that the thing can come to from that one, itself included."""
        seen, fresh = {state}, {state}
        while fresh:
            fresh = {to for (left, _), to in self._transitions.items() if left in fresh} - seen
            seen |= fresh
        return frozenset(seen)

    def diagram(self) -> str:
        """The machine as a Mermaid state diagram; documents hold it, and tests compare them."""
        lines = ["stateDiagram-v2"]
        if self._unstored is None:
            lines.append(f"    [*] --> {self.start.value}")
        lines += [
            f"    {self._box(left)} --> {self._box(to)}: {event.value}"
            for (left, event), to in self._transitions.items()
        ]
        ends = [state for state in self.states if state in self.ends - {self._unstored}]
        return "\n".join([*lines, *(f"    {state.value} --> [*]" for state in ends)])

    def _box(self, state: StateT) -> str:
        return "[*]" if state is self._unstored else str(state.value)

    def _check(self) -> None:
        lost = frozenset(self.states) - self.reachable(self.start)
        if lost:
            names = ", ".join(sorted(str(state.value) for state in lost))
            raise ValueError(f"no transition leads to: {names}")
        endless = [state for state in self.states if not self.reachable(state) & self.ends]
        if self.ends and endless:
            names = ", ".join(str(state.value) for state in endless)
            raise ValueError(f"no end can be reached from: {names}")

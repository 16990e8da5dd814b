"""What the audio process says: what began and ended, and after a restart what it plays."""

from broadcast.arbiter import AFTER, After
from broadcast.book import SIREN, Kept
from broadcast.engine import wire
from broadcast.life import TABLE, Act, State
from broadcast.monitor import Monitor
from broadcast.order import Class
from broadcast.progress import Progress
from broadcast.stage import CUT, STOPPED, Stage
from broadcast.turns import Turns

_ENDS = {
    "finished": (Act.FINISH, None),
    "expired": (Act.EXPIRE, "broadcast.expired"),
    STOPPED: (Act.STOP, "broadcast.by-hand"),
}
"""How the engine says that something ended, and what that makes of the order."""


class Echo:
    """Sets right what we believe by what is heard."""

    def __init__(self, progress: Progress, stage: Stage, turns: Turns, monitor: Monitor) -> None:
        """Of those orders; the monitor hears every event first."""
        self._monitor = monitor
        self._all = progress
        self._stage = stage
        self._turns = turns

    def reconcile(self, state: wire.State) -> None:
        """The engine says what it plays: set right what we believe."""
        sounds = {each.id for each in state.programmes if each.state != "ready"}
        ended = {each.id: each for each in state.ended}
        for past in state.ended:
            if past.how == "finished":
                self._heard_out(past.id)
        wanted = {kept.programme: kept for kept in self._all.book.playing()}
        for name, kept in wanted.items():
            if name in self._turns.beginning or name in sounds:
                continue
            if name in ended:
                self._ended(kept, ended[name].how, ended[name].frames)
            elif kept.order.class_.urgent:
                self._stage.do(self._turns.begin(kept.order.id, kept.turn))
            else:
                self._all.end(kept, Act.FAIL, "broadcast.unknown")
        for each in state.programmes:
            of = self._all.book.of(each.id)
            if of is not None and of.open and of.programme == each.id and of.order.class_.urgent:
                continue  # its record was lost with us, its sound was not
            ours = of is not None or each.rank < Class.EMERGENCY
            if each.id not in wanted and each.id not in self._turns.beginning and ours:
                self._stage.cut(each.id, CUT if of is not None and of.open else STOPPED)
        self._turns.settle()

    def heard(self, event: wire.Event) -> None:
        """The engine's word of what began and ended."""
        if isinstance(event, wire.Heard):
            self._listened(event)
        if not isinstance(event, wire.Started | wire.Finished | wire.Stopped | wire.Refused):
            return
        kept = self._all.book.of(event.id)
        if kept is not None and (reached := self._monitor.reached(event.id)):
            self._all.book.note(kept, reached=reached)
            kept = self._all.book.known(kept.order.id)
        if kept is None or (event.id in self._turns.beginning and isinstance(event, wire.Refused)):
            return
        if kept.state is not State.PLAYING or kept.programme != event.id:
            self._overheard(kept, event)
        elif isinstance(event, wire.Started):
            if kept.waited_ms is None:
                waited_ms = (event.at_ns - kept.asked_ns) // 1_000_000
                self._all.book.note(kept, waited_ms=waited_ms)
        elif isinstance(event, wire.Refused):
            self._all.end(kept, Act.FAIL, event.code)
            self._turns.settle()
        else:
            how = "finished" if isinstance(event, wire.Finished) else event.why
            self._ended(kept, how, event.frames)
            self._turns.settle()

    def _listened(self, event: wire.Heard) -> None:
        """A microphone is sure of it, perhaps after the end."""
        kept, reached = self._all.book.of(event.id), self._monitor.reached(event.id)
        if kept is None or not kept.reached or not reached:
            return
        reached = (*kept.reached[:-1], max(kept.reached[-1], reached[-1]))
        if reached != kept.reached:
            self._all.learn(kept, reached)

    def _heard_out(self, programme: str) -> None:
        """An earlier turn was cut off too late and came to its end: no other may follow it."""
        kept = self._all.book.of(programme)
        if programme.endswith(SIREN):
            return  # the words are to be heard all the same
        if kept is None or kept.programme == programme or (kept.state, Act.FINISH) not in TABLE:
            return
        if kept.state is State.PLAYING:
            self._stage.cut(kept.programme)
        self._all.end(kept, Act.FINISH)

    def _overheard(self, kept: Kept, event: wire.Event) -> None:
        """What was cut off says how far it had come: music goes on from there."""
        if isinstance(event, wire.Finished):
            self._heard_out(event.id)
            return
        onward = AFTER[kept.order.class_] is After.ONWARD
        if isinstance(event, wire.Stopped) and kept.state is State.INTERRUPTED and onward:
            self._all.book.note(kept, frame=event.frames)

    def _ended(self, kept: Kept, how: str, frames: int) -> None:
        if how == CUT or (how == "finished" and self._turns.wordless(kept)):
            self._turns.interrupted(kept, frames)
        elif how == "expired" and (frames or not kept.order.class_.urgent):
            self._all.end(kept, Act.DROP, "broadcast.ran-out")
        elif how in _ENDS:
            act, why = _ENDS[how]
            self._all.end(kept, act, why)
        else:
            self._all.end(kept, Act.FAIL, "broadcast.lost")

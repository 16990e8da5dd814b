"""Whether a bus's port or gateway is open, what was reported of it, and when to open it again."""

import asyncio
import random

from drivers.contract import BusChange, BusState, LineDown, LineLost, OnState

_REOPEN_MIN_S, _REOPEN_MAX_S = 1.0, 10.0


class LineStatus:
    """The status of one line. `down` says why it cannot be used; None while it can."""

    def __init__(self, bus: str, on_state: OnState, jitter: random.Random) -> None:
        """Not open yet. Changes go to `on_state`; `jitter` spreads the attempts to reopen."""
        self.down: LineDown | None = LineLost("bus.not-open", bus=bus)
        self.state = BusState.WAIT
        self.code: str | None = None
        self._bus = bus
        self._on_state = on_state
        self._jitter = jitter
        self._attempts = 0

    def set_up(self) -> None:
        self.down = None
        self._report(BusState.UP, None)

    def set_down(self, down: LineDown, *, report: bool = True) -> None:
        self.down = down
        self._attempts += 1
        if report:
            self._report(BusState.DOWN, down)

    def reset_back_off(self) -> None:
        """A device has answered: the next loss starts at the shortest delay."""
        self._attempts = 0

    def reopen_s(self) -> float:
        """How long to wait before opening again; an adapter may stay away for months."""
        back_off_s = min(_REOPEN_MIN_S * 2.0 ** min(self._attempts - 1, 16), _REOPEN_MAX_S)
        return back_off_s * self._jitter.uniform(0.8, 1.0)

    def _report(self, state: BusState, down: LineDown | None) -> None:
        """Report once: on loss, on a new reason, on return."""
        code = None if down is None else down.code
        if (state, code) == (self.state, self.code):
            return
        self.state, self.code = state, code
        at_ns = int(asyncio.get_running_loop().time() * 1e9)
        data = {} if down is None else dict(down.data)
        self._on_state(BusChange(self._bus, state, at_ns, code, data))

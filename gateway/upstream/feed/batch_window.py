"""How many entries a batch may have. Pure.

A refused batch (413: too large, 400 or 422: something in it) is halved, an accepted one lets the
window creep up by one. So the window bisects towards a single bad entry by itself, and settles
just under a platform's size limit.
"""

from gateway.upstream.uplinks.contract import BATCH_ENTRIES_MAX


class BatchWindow:
    """The size of the next batch, 1 to `most`."""

    def __init__(self, most: int = BATCH_ENTRIES_MAX) -> None:
        self._most = most
        self.size = most

    def on_refused(self, entries: int) -> None:
        """A batch of so many was refused as a whole."""
        self.size = max(1, entries // 2)

    def on_passed(self) -> None:
        """A batch was taken."""
        self.size = min(self._most, self.size + 1)

    def on_isolated(self) -> None:
        """The bad entry is found: the others can travel together again."""
        self.size = self._most

"""How many entries a batch may have. Pure.

A refused batch (413: too large; 400 or 422: an entry in it is bad) halves the window, an accepted
one widens it by one. So the window bisects down to a single bad entry, and settles just below a
platform's size limit.
"""

from gateway.upstream.uplinks.contract import BATCH_ENTRIES_MAX


class BatchWindow:
    """The size of the next batch, 1 to `most`."""

    def __init__(self, most: int = BATCH_ENTRIES_MAX) -> None:
        self._most = most
        self.size = most

    def on_refused(self, entries: int) -> None:
        """A batch was refused as a whole."""
        self.size = max(1, entries // 2)

    def on_passed(self) -> None:
        """A batch was accepted."""
        self.size = min(self._most, self.size + 1)

    def on_isolated(self) -> None:
        """The bad entry is found: the others may be sent together again."""
        self.size = self._most

"""The terminal during a search: one line of progress, results above it."""

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from drivers.scan.line_scan import ScanProgress
from gateway.texts import Texts

_BAR_CELLS = 24
_CLEAR = "\r\x1b[K"
_MINUTE = 60


class SearchTerminal:
    """Results go to standard output, progress to standard error if that is a terminal.

    With `quiet` only errors are shown: a program reads the output.
    """

    def __init__(self, texts: Texts, *, quiet: bool = False) -> None:
        self.texts = texts
        self.quiet = quiet
        self._bar = sys.stderr.isatty() and not quiet

    def say(self, code: str, /, **data: Any) -> None:
        """Print a line that stays."""
        if not self.quiet:
            self.clear()
            sys.stdout.write(self.texts.say(code, **data).rstrip() + "\n")
            sys.stdout.flush()

    def complain(self, code: str, data: Mapping[str, Any]) -> None:
        """Print what went wrong and what to do about it."""
        self.clear()
        remedy = self.texts.remedy(code, **data)
        said = self.texts.say(code, **data)
        sys.stderr.write(said + (f"\n    → {remedy}" if remedy else "") + "\n")

    def progress(self, progress: ScanProgress) -> None:
        """Show the line of progress."""
        if not self._bar:
            return
        whole_s = progress.done_s + progress.left_s
        share = progress.done_s / whole_s if whole_s else 1.0
        cells = round(share * _BAR_CELLS)
        text = self.texts.say(
            "scan.progress",
            bar="█" * cells + "░" * (_BAR_CELLS - cells),
            percent=f"{share:3.0%}",
            line=str(progress.call.line),
            family=progress.call.scanner.family,
            address=progress.call.scope,
            left=self.span(progress.left_s),
        )
        sys.stderr.write(_CLEAR + text)
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line of progress."""
        if self._bar:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def span(self, seconds: float) -> str:
        """A duration in minutes and seconds."""
        minutes, rest = divmod(round(seconds), _MINUTE)
        return f"{minutes}:{rest:02d}"


def as_json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"

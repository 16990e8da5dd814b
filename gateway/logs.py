"""Logging: set up in one place, structured under systemd, rate-limited.

Under systemd a line goes to the system's log with its fields (systemd.journal-fields(7)), so
`journalctl -u yizhan -p warning` and `journalctl LOGGER=gateway.upstream.renew` find it; elsewhere
it goes to standard error. Lines that repeat from one place in the code are passed up to a limit,
then counted, and the count is logged once.
"""

import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

SYSTEM_LOG = Path("/run/systemd/journal/socket")
# At most this many lines from one place in the code within that time.
TIMES_MAX, WITHIN_S = 10, 60.0

PLACES_MAX = 512
MESSAGE_BYTES_MAX = 16_384
MORE = "(%d more like it from %s)"
_TRACE = logging.Formatter()
_PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}


def set_up_logging(*, verbose: bool, stamped: bool = True) -> None:
    """For this process; `stamped`: show the time on a terminal."""
    handler = _handler(os.environ, stamped=stamped)
    handler.addFilter(RateLimitFilter(handler.emit, time.monotonic))
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, handlers=[handler])


def _handler(environ: Mapping[str, str], *, stamped: bool) -> logging.Handler:
    if writes_to_journald(environ) and SYSTEM_LOG.exists():
        return JournaldHandler(SYSTEM_LOG)
    handler = logging.StreamHandler(sys.stderr)
    stamp = "%(asctime)s " if stamped and "JOURNAL_STREAM" not in environ else ""
    handler.setFormatter(logging.Formatter(f"{stamp}%(levelname)s %(message)s", "%H:%M:%S"))
    return handler


def writes_to_journald(environ: Mapping[str, str]) -> bool:
    """Whether standard error is connected to systemd's log (`JOURNAL_STREAM`, systemd.exec(5))."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or not a file
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournaldHandler(logging.Handler):
    """Speaks journald's native protocol; a log that is full or gone never blocks the station."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one datagram; if that fails, write to standard error."""
        try:
            self._line.sendto(journald_datagram(record), str(self._path))
        except OSError:
            sys.stderr.write(f"<{_priority(record)}>{record.getMessage()}\n")

    def close(self) -> None:
        self._line.close()
        super().close()


def journald_datagram(record: logging.LogRecord) -> bytes:
    """The line with its fields (systemd.io: native journal protocol)."""
    return b"".join(_field(name, value) for name, value in _fields(record))


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    trace = f"\n{_TRACE.formatException(record.exc_info)}" if record.exc_info else ""
    yield "MESSAGE", record.getMessage() + trace
    yield "PRIORITY", str(_priority(record))
    yield "SYSLOG_IDENTIFIER", "yizhan"
    yield "LOGGER", record.name
    yield "CODE_FUNC", record.funcName or ""
    yield "CODE_LINE", str(record.lineno)


def _field(name: str, value: str) -> bytes:
    """A multi-line value is preceded by its length."""
    raw = value.encode(errors="replace")[:MESSAGE_BYTES_MAX]
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"


def _priority(record: logging.LogRecord) -> int:
    return _PRIORITY.get(record.levelname, 6)


class RateLimitFilter(logging.Filter):
    """Limits how much each place in the code may log, and counts the rest."""

    def __init__(
        self, emit: Callable[[logging.LogRecord], None], monotonic: Callable[[], float]
    ) -> None:
        """`emit` receives the line that tells how many were left out."""
        super().__init__()
        self._emit = emit
        self._monotonic = monotonic
        self._said: dict[tuple[str, int], tuple[float, int, logging.LogRecord]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written now."""
        now_s = self._monotonic()
        self._tell(now_s)
        place = (record.pathname, record.lineno)
        if place not in self._said and len(self._said) >= PLACES_MAX:
            return True
        since_s, times, first = self._said.get(place, (now_s, 0, record))
        self._said[place] = (since_s, times + 1, first)
        return times < TIMES_MAX

    def _tell(self, now_s: float) -> None:
        """Close finished periods, and log how many lines they left out."""
        over = [key for key, (since_s, *_) in self._said.items() if now_s - since_s >= WITHIN_S]
        for key in over:
            _, times, first = self._said.pop(key)
            if times > TIMES_MAX:
                self._emit(_more(first, times - TIMES_MAX))


def _more(first: logging.LogRecord, count: int) -> logging.LogRecord:
    where = f"{Path(first.pathname).stem}.{first.funcName}"
    made = (first.name, first.levelno, first.pathname, first.lineno, MORE, (count, where), None)
    return logging.LogRecord(*made, func=first.funcName)

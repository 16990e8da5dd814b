"""Work that may block runs in threads; its results are handed to the clock."""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable

from broadcast import realtime
from broadcast.audio_process.sources import PcmCache
from broadcast.audio_protocol.messages import Programme
from gateway.faults import OnFault, log_fault

LOADS_WAITING_MAX = 16
THREADS_MAX = 8
ERRANDS_MAX = 1000
JOIN_WITHIN_S = 2.5

BackgroundWork = Callable[[], None]
FileReading = tuple[Programme, Callable[[object], None]]


class BackgroundWorkers:
    """One thread reads files in order, one reads urgent files, and a few do work that may hang."""

    def __init__(self, on_fault: OnFault = log_fault) -> None:
        self._on_fault = on_fault
        self._results: deque[BackgroundWork] = deque(maxlen=1000)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._readings: queue.Queue[FileReading | None] = queue.Queue(LOADS_WAITING_MAX)
        self._urgent: queue.Queue[FileReading | None] = queue.Queue(LOADS_WAITING_MAX)
        self._reels = PcmCache()
        self._waiting: deque[BackgroundWork] = deque(maxlen=ERRANDS_MAX)
        self._working = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._readers = [
            threading.Thread(target=self._read, args=(readings,), name="reader", daemon=True)
            for readings in (self._readings, self._urgent)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def bell(self) -> int:
        """A descriptor that is readable when `results` has something."""
        return self._bell

    def ring(self) -> None:
        """Wake the clock."""
        os.eventfd_write(self._bell, 1)

    def results(self) -> list[BackgroundWork]:
        """Take the work that the clock is to do now."""
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return []
        done = []
        while self._results:
            done.append(self._results.popleft())
        return done

    def post(self, work: BackgroundWork) -> None:
        """Let the clock do this; callable from any thread."""
        self._results.append(work)
        self.ring()

    def read(self, programme: Programme, then: Callable[[object], None]) -> bool:
        """Read a programme's files; False if too many wait.

        `then` gets the tape or the error, on the clock. Urgent programmes wait only behind urgent
        ones.
        """
        readings = self._urgent if programme.urgent else self._readings
        try:
            readings.put_nowait((programme, then))
        except queue.Full:
            return False
        return True

    def run(self, work: BackgroundWork) -> None:
        """Do it in one of a few threads: a driver that hangs does not delay the clock."""
        with self._lock:
            self._waiting.append(work)
            if self._working == THREADS_MAX:
                return
            self._working += 1
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Wait, with a limit, for the work in progress."""
        for readings in (self._readings, self._urgent):
            readings.put(None)
        for thread in (*self._threads, *self._readers):
            thread.join(JOIN_WITHIN_S)
        os.close(self._bell)

    def _work(self) -> None:
        realtime.use_realtime_priority(realtime.OTHER_PRIORITY)
        while True:
            with self._lock:
                if not self._waiting:
                    self._working -= 1
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the edge: one errand's mistake costs no thread
                self.post(lambda error=error: self._on_fault("errand", error))  # type: ignore[misc]  # bound now
            self.ring()

    def _read(self, readings: "queue.Queue[FileReading | None]") -> None:
        realtime.use_realtime_priority(realtime.OTHER_PRIORITY)
        while (reading := readings.get()) is not None:
            programme, then = reading
            try:
                found: object = self._reels.tape(programme)
            except Exception as error:  # noqa: BLE001 - whatever the file does, the answer says so
                found = error
            self.post(lambda then=then, found=found: then(found))  # type: ignore[misc]  # bound now

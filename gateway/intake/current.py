"""What every point says now, and its last hour as a curve of bounded size."""

from collections.abc import Collection, Iterable

from drivers.contract import Quality, Reading

SPARK_POINTS_MAX = 120
SPARK_STEP_MIN_S = 1.0
SPARK_STEP_MAX_S = 30.0  # 120 × 30 s = one hour


class Spark:
    """The last hour of one number, at most 120 values: the step doubles until it reaches 30 s.

    A curve is there from the first minute on, and its memory never grows.
    """

    def __init__(self, step_s: float) -> None:
        """`step_s`: how often a value comes at first; the eye needs no more than one a second."""
        self.step_s = min(max(step_s, SPARK_STEP_MIN_S), SPARK_STEP_MAX_S)
        self.values: list[float | None] = []
        self.due_ns = 0  # no value before it is taken
        self._last_s: float | None = None

    def add(self, at_s: float, value: float | None) -> None:
        """Take a value in; None is a hole."""
        if self._last_s is not None:
            steps = round((at_s - self._last_s) / self.step_s)  # a poll may come a little early
            if steps < 1:
                return
            self.values += [None] * min(steps - 1, SPARK_POINTS_MAX)
        self.values.append(value)
        self._last_s = at_s
        if len(self.values) > SPARK_POINTS_MAX:
            self._shorten()
        self.due_ns = int((at_s + self.step_s / 2) * 1e9)

    def _shorten(self) -> None:
        if self.step_s * 2 <= SPARK_STEP_MAX_S:
            self.values = self.values[::2]
            self.step_s *= 2
        else:
            del self.values[:-SPARK_POINTS_MAX]


class Current:
    """The latest reading and the spark of every point."""

    def __init__(self) -> None:
        """Start empty: nothing has been read."""
        self._latest: dict[str, dict[str, Reading]] = {}
        self._sparks: dict[str, dict[str, Spark]] = {}

    def update(self, device: str, readings: Iterable[Reading], every_s: float) -> None:
        """Take one poll in."""
        latest = self._latest.setdefault(device, {})
        sparks = self._sparks.setdefault(device, {})
        for reading in readings:
            point = reading.point
            latest[point] = reading
            spark = sparks.get(point)
            if spark is not None and reading.at_ns < spark.due_ns:
                continue  # nearly always: a curve grows twice a minute
            value = reading.value
            if isinstance(value, bool | str):
                continue
            if spark is None:
                spark = sparks[point] = Spark(every_s)
            good = value is not None and reading.quality is Quality.GOOD
            spark.add(reading.at_ns / 1e9, float(value) if good and value is not None else None)

    def keep(self, devices: Collection[str]) -> None:
        """Forget every device but these."""
        self._latest = {name: of for name, of in self._latest.items() if name in devices}
        self._sparks = {name: of for name, of in self._sparks.items() if name in devices}

    def of(self, device: str) -> dict[str, Reading]:
        """The latest readings of one device by point."""
        return self._latest.get(device, {})

    def spark(self, device: str, point: str) -> tuple[float, tuple[float | None, ...]]:
        """One point's curve: seconds between values, and the values, oldest first."""
        spark = self._sparks.get(device, {}).get(point)
        return (0.0, ()) if spark is None else (spark.step_s, tuple(spark.values))

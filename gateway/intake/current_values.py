"""The latest value of every point, and its last hour as a curve of bounded size."""

from collections.abc import Collection, Sequence

from drivers.contract import Quality, Reading

SPARK_POINTS_MAX = 120
SPARK_STEP_MIN_S = 1.0
SPARK_STEP_MAX_S = 30.0  # 120 × 30 s = one hour


class SparkSeries:
    """The last hour of one number, at most 120 values: the step doubles until it reaches 30 s.

    There is a curve from the first minute on, and its memory never grows.
    """

    def __init__(self, step_s: float) -> None:
        """`step_s`: the initial interval of values; more than one a second is of no use."""
        self.step_s = min(max(step_s, SPARK_STEP_MIN_S), SPARK_STEP_MAX_S)
        self.values: list[float | None] = []
        self.due_ns = 0  # values before this instant are not added
        self._last_s: float | None = None

    def add(self, at_s: float, value: float | None) -> None:
        """Add a value; None is a hole."""
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


class _Device:
    """The latest readings of one device; no curve of it grows before `due_ns`."""

    def __init__(self) -> None:
        self.latest: dict[str, Reading] = {}
        self.sparks: dict[str, SparkSeries] = {}
        self.due_ns = 0


class CurrentValues:
    """The latest reading and the curve of every point."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}

    def update(self, device: str, readings: Sequence[Reading], every_s: float) -> None:
        """Add one poll."""
        known = self._devices.get(device)
        if known is None:
            known = self._devices[device] = _Device()
        points = len(known.latest)
        known.latest.update({reading.point: reading for reading in readings})
        if points == len(known.latest) and (not readings or readings[-1].at_ns < known.due_ns):
            return  # the usual case: a curve grows twice a minute
        for reading in readings:
            _draw(known.sparks, reading, every_s)
        known.due_ns = min([spark.due_ns for spark in known.sparks.values()], default=0)

    def retain(self, devices: Collection[str]) -> None:
        """Forget every device but these."""
        self._devices = {name: of for name, of in self._devices.items() if name in devices}

    def readings(self, device: str) -> dict[str, Reading]:
        """The latest readings of one device by point."""
        known = self._devices.get(device)
        return {} if known is None else known.latest

    def spark(self, device: str, point: str) -> tuple[float, tuple[float | None, ...]]:
        """One point's curve: seconds between values, and the values, oldest first."""
        known = self._devices.get(device)
        spark = None if known is None else known.sparks.get(point)
        return (0.0, ()) if spark is None else (spark.step_s, tuple(spark.values))


def _draw(sparks: dict[str, SparkSeries], reading: Reading, every_s: float) -> None:
    value = reading.value
    if isinstance(value, bool | str):
        return
    spark = sparks.get(reading.point)
    if spark is None:
        if value is None:
            return  # it is not known yet whether it is a number
        spark = sparks[reading.point] = SparkSeries(every_s)
    if reading.at_ns >= spark.due_ns:
        good = value is not None and reading.quality is Quality.GOOD
        spark.add(reading.at_ns / 1e9, float(value) if good and value is not None else None)

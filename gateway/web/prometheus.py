"""The vital signs as Prometheus metrics, collected on request, without state."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from gateway.health import BusVitals, JournalVitals, LaneVitals, UplinkVitals, Vitals

MEDIA = CONTENT_TYPE_LATEST
DEVICE_STATES = ("ok", "wait", "stale", "silent", "faulty")


def render_metrics(vitals: Vitals, readers: int) -> bytes:
    """All metrics, in the format of `MEDIA`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(VitalsCollector(vitals, readers))
    return generate_latest(registry)


class VitalsCollector(Collector):
    """Turns one snapshot into metric families."""

    def __init__(self, vitals: Vitals, readers: int) -> None:
        self._vitals = vitals
        self._readers = readers

    def collect(self) -> Iterator[Metric]:
        vitals = self._vitals
        up_s = (vitals.at_ns - vitals.started_ns) / 1e9
        yield _gauge("yizhan_info", "The station", ("station", "version"),
                     [((vitals.station, vitals.version), 1)])  # fmt: skip
        yield _gauge("yizhan_up_seconds", "Since the process started", (), [((), up_s)])
        yield _gauge("yizhan_values_per_second", "Values read in the last minute", (),
                     [((), vitals.values_per_s)])  # fmt: skip
        yield _gauge("yizhan_clock_trusted", "1 where this is what the clock rests on", ("source",),
                     [((vitals.clock.trust.value,), 1)])  # fmt: skip
        yield _gauge("yizhan_stream_readers", "Open live streams", (), [((), self._readers)])
        yield from _lanes(vitals.lanes)
        yield from _buses(vitals.buses)
        yield from _devices(vitals)
        yield from _uplinks(vitals.uplinks, vitals.at_ns)
        yield from _journal(vitals.journal)
        yield from _faults(vitals)


Sample = tuple[Sequence[str], float]


def _gauge(name: str, help_: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, help_: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _lanes(lanes: Sequence[LaneVitals]) -> Iterator[Metric]:
    def by_lane(value: Callable[[LaneVitals], float]) -> list[Sample]:
        return [((lane.lane.wire,), value(lane)) for lane in lanes]

    label = ("lane",)
    yield _counter("yizhan_lane_issued", "Numbers issued", label, by_lane(lambda x: x.issued))
    yield _gauge("yizhan_lane_receipted", "Last number with the platform's receipt", label,
                 by_lane(lambda x: x.receipted))  # fmt: skip
    yield _gauge("yizhan_lane_waiting", "Entries without receipt", label,
                 by_lane(lambda x: x.waiting))  # fmt: skip
    yield _gauge("yizhan_lane_lag_seconds", "Age of the oldest entry without receipt", label,
                 by_lane(lambda x: x.lag_s))  # fmt: skip


def _buses(buses: Sequence[BusVitals]) -> Iterator[Metric]:
    def by_bus(value: Callable[[BusVitals], float]) -> list[Sample]:
        return [((bus.id,), value(bus)) for bus in buses]

    label = ("bus",)
    yield _gauge("yizhan_bus_up", "1 if the port or socket is open", label,
                 by_bus(lambda x: x.state == "up"))  # fmt: skip
    yield _gauge("yizhan_bus_load_ratio", "Share of the last minute that the wire was busy", label,
                 by_bus(lambda x: x.load))  # fmt: skip
    yield _counter("yizhan_bus_transactions", "Transactions", label,
                   by_bus(lambda x: x.transactions))  # fmt: skip
    yield _counter("yizhan_bus_timeouts", "Transactions without answer", label,
                   by_bus(lambda x: x.timeouts))  # fmt: skip
    yield _counter("yizhan_bus_errors", "Transactions with a wrong answer", label,
                   by_bus(lambda x: x.errors))  # fmt: skip


def _devices(vitals: Vitals) -> Iterator[Metric]:
    states = [device.state for device in vitals.devices]
    yield _gauge("yizhan_devices", "Devices by state", ("state",),
                 [((state,), states.count(state)) for state in DEVICE_STATES])  # fmt: skip


def _uplinks(uplinks: Sequence[UplinkVitals], at_ns: int) -> Iterator[Metric]:
    up = [((uplink.name, uplink.kind), float(uplink.state == "up")) for uplink in uplinks]
    ages = [
        ((uplink.name, uplink.kind), (at_ns - uplink.receipt_ns) / 1e9)
        for uplink in uplinks
        if uplink.receipt_ns is not None
    ]
    label = ("uplink", "kind")
    yield _gauge("yizhan_uplink_up", "1 if the platform answers", label, up)
    yield _gauge("yizhan_uplink_receipt_age_seconds", "Since its last receipt", label, ages)


def _faults(vitals: Vitals) -> Iterator[Metric]:
    counts: dict[str, int] = {}
    for fault in vitals.faults:
        counts[fault.where] = counts.get(fault.where, 0) + fault.count
    yield _counter("yizhan_faults", "Mistakes of the program's own that an edge has contained",
                   ("where",), [((where,), count) for where, count in counts.items()])  # fmt: skip
    rooms = vitals.refusals
    yield _counter("yizhan_refused", "Times that the journal refused what a room gave it",
                   ("room",), [((one.room,), one.refused) for one in rooms])  # fmt: skip
    yield _gauge("yizhan_refused_held", "Events that wait to be offered to the journal again",
                 ("room",), [((one.room,), one.held) for one in rooms])  # fmt: skip
    yield _counter("yizhan_refused_lost", "Events that are given up for good",
                   ("room",), [((one.room,), one.lost) for one in rooms])  # fmt: skip


def _journal(journal: JournalVitals) -> Iterator[Metric]:
    def one(value: float) -> list[Sample]:
        return [((), value)]

    yield _gauge("yizhan_journal_volatile", "1 if nothing is saved", (), one(journal.volatile))
    yield _gauge("yizhan_journal_used_bytes", "Room taken", (), one(journal.used_bytes))
    yield _gauge("yizhan_journal_quota_bytes", "Room granted", (), one(journal.quota_bytes))
    yield _counter("yizhan_journal_commits", "Commits", (), one(journal.commits))
    yield _gauge("yizhan_journal_commit_seconds", "Last commits' median", (),
                 one(journal.commit_ms / 1000))  # fmt: skip
    yield _counter("yizhan_journal_evicted", "Entries that gaps stand for", (),
                   one(journal.evicted))  # fmt: skip
    yield _gauge("yizhan_journal_recovering", "Entries still to come from damaged journals", (),
                 one(journal.recovering))  # fmt: skip
    yield _gauge("yizhan_journal_wreck_bytes", "What damaged journals take on the disk", (),
                 one(journal.wreck_bytes))  # fmt: skip

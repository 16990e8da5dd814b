"""The published API: what it says, and that its description is true."""

import asyncio

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.event import Lane, Trust
from gateway.health import ClockVitals
from gateway.web import healthz, openapi
from gateway.web.api import LaneReport, VitalsReport
from gateway.web.healthz import HealthReport
from tests.web.station import NORMAL, STATES, bus_down, replace, station, volatile

HTTP_METHODS = {"get", "post", "put", "delete"}


async def fetch(made, path: str, status: int = 200):
    async with made.client.get(path) as response:
        assert response.status == status
        return await response.json()


async def test_the_snapshot_without_curves_lanes_by_name() -> None:
    async with station() as made:
        said = await fetch(made, "/api/v1/vitals")
        report = msgspec.convert(said, VitalsReport)
        assert report.station.id == "wangjing-07"
        assert [lane.lane for lane in report.lanes] == [
            "emergency", "alarm", "service", "telemetry",
        ]  # fmt: skip
        assert all(point.spark == () for d in report.devices for point in d.points)


async def test_each_part_has_its_address() -> None:
    async with station() as made:
        devices = await fetch(made, "/api/v1/devices")
        assert [d["id"] for d in devices] == [d.id for d in NORMAL.devices]
        one = await fetch(made, "/api/v1/devices/em-b3")
        assert len(one["points"][0]["spark"]) == 120
        lanes = await fetch(made, "/api/v1/lanes")
        assert msgspec.convert(lanes, list[LaneReport])[3].waiting == 41
        assert (await fetch(made, "/api/v1/uplinks"))[0]["name"] == "district"
        assert (await fetch(made, "/api/v1/clock"))["trust"] == "ntp"


async def test_the_feed_is_a_slice_of_one_lane() -> None:
    async with station() as made:
        made.journal.add(Lane.ALARM, 250)
        async with made.client.get("/api/v1/feed?lane=alarm&after=10&limit=999") as response:
            assert response.content_type == "application/cloudevents-batch+json"
            assert response.headers["Yizhan-Head"] == "250"
            events = msgspec.json.decode(await response.read())
        assert [e["sequence"] for e in events] == [f"{n:012d}" for n in range(11, 211)]
        assert events[0]["id"] == f"wangjing-07:{made.journal.epoch}:alarm:11"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "web.no-such-lane"),
        ("?lane=express", "web.no-such-lane"),
        ("?lane=alarm&after=-1", "web.no-number"),
        ("?lane=alarm&after=1e9", "web.no-number"),
        ("?lane=alarm&limit=" + "9" * 5000, "web.no-number"),
        ("?lane=alarm&after=٣", "web.no-number"),
    ],
)
async def test_a_slice_that_makes_no_sense_is_refused(query: str, code: str) -> None:
    async with station() as made:
        assert (await fetch(made, f"/api/v1/feed{query}", 400))["code"] == code


def _references(part) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if "$ref" in part else []
        return own + [r for value in part.values() for r in _references(value)]
    return [r for value in part for r in _references(value)] if isinstance(part, list) else []


async def test_the_description_names_every_published_address_and_resolves() -> None:
    async with station() as made:
        said = await fetch(made, "/api/v1/openapi.json")
        assert said["openapi"] == "3.1.0"
        served = {r.resource.canonical for r in made.app.router.routes() if r.resource}
        assert set(said["paths"]) <= served
        api = {path for path in served if path.startswith("/api/v1/")}
        assert api - set(said["paths"]) == {"/api/v1/openapi.json"}
        for reference in _references(said):
            name = reference.removeprefix("#/components/schemas/")
            assert name in said["components"]["schemas"]
        operations = [
            op for path in said["paths"].values() for name, op in path.items()
            if name in HTTP_METHODS
        ]  # fmt: skip
        names = [op["operationId"] for op in operations]
        assert len(set(names)) == len(names)
        assert all(op["x-permission"] for op in operations)
        assert said["paths"]["/api/v1/devices/{id}"]["get"]["parameters"][0]["name"] == "id"


async def test_the_description_tells_the_truth_about_the_answers() -> None:
    """Every property that is answered is described, and every required one is answered."""
    async with station() as made:
        said = await fetch(made, "/api/v1/openapi.json")
        schema = said["paths"]["/api/v1/vitals"]["get"]["responses"]["200"]["content"]
        name = schema["application/json"]["schema"]["$ref"].rpartition("/")[2]
        described = said["components"]["schemas"][name]
        answered = await fetch(made, "/api/v1/vitals")
        assert set(described["required"]) <= set(answered) <= set(described["properties"])


async def test_the_description_says_what_an_address_may_answer_and_wants() -> None:
    async with station() as made:
        said = await fetch(made, "/api/v1/openapi.json")
        paths = said["paths"]
        device = paths["/api/v1/devices/{id}"]["get"]
        assert {"200", "401", "403", "404", "default"} == set(device["responses"])
        assert device["parameters"][0]["schema"]["minLength"] == 1
        wants = {
            each["name"]: each["schema"] for each in paths["/api/v1/feed"]["get"]["parameters"]
        }
        assert set(wants["lane"]["enum"]) == {lane.wire for lane in Lane}
        assert (wants["after"]["type"], wants["after"]["minimum"]) == ("integer", 0)
        unwell = paths["/healthz"]["get"]["responses"]["503"]["content"]
        assert list(unwell) == ["application/json"]
        for path in ("/api/v1/devices/nobody", "/api/v1/vitals"):
            operation = paths[path.replace("nobody", "{id}")]["get"]
            async with made.client.get(path) as response:
                told = operation["responses"][str(response.status)]["content"]
                assert response.content_type in told


async def test_nobody_knows_the_time_is_null_and_described_so() -> None:
    lost = replace(NORMAL, clock=ClockVitals(Trust.NONE, None, 0.0, float("inf")))
    async with station(lost) as made:
        assert (await fetch(made, "/api/v1/clock"))["error_s"] is None
        said = await fetch(made, "/api/v1/openapi.json")
        (clock,) = (s for n, s in said["components"]["schemas"].items() if "ClockReport" in n)
        assert {"type": "null"} in clock["properties"]["error_s"]["anyOf"]


def test_a_body_that_is_taken_is_described() -> None:
    from gateway.web.section import Permission, Route  # noqa: PLC0415

    class Wanted(msgspec.Struct):
        zone: str

    async def handler(_request):
        raise AssertionError

    route = Route(path="/api/v1/say/{zone}", handler=handler, permission=Permission.STAFF,
                  method="POST", summary="Say", accepts=Wanted)  # fmt: skip
    said = openapi.document([route], "1")
    operation = said["paths"]["/api/v1/say/{zone}"]["post"]
    assert operation["x-permission"] == "staff"
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Wanted"}


@pytest.mark.parametrize("state", STATES)
async def test_metrics_parse_and_agree_with_the_snapshot(state: str) -> None:
    vitals = STATES[state]()
    async with station(vitals) as made, made.client.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        families = {f.name: f for f in text_string_to_metric_families(await response.text())}
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in families.values()
        for s in family.samples
    }
    for lane in vitals.lanes:
        label = (("lane", lane.lane.wire),)
        assert samples["yizhan_lane_issued_total", label] == lane.issued
        assert samples["yizhan_lane_waiting", label] == lane.waiting
    for bus in vitals.buses:
        assert samples["yizhan_bus_up", (("bus", bus.id),)] == (bus.state == "up")
    counted = sum(v for (name, _), v in samples.items() if name == "yizhan_devices")
    assert counted == len(vitals.devices)
    assert samples["yizhan_journal_volatile", ()] == vitals.journal.volatile
    assert all(family.documentation for family in families.values())


async def test_metrics_count_the_readers() -> None:
    async with station() as made:
        stream = await made.client.get("/api/v1/events")
        async with made.client.get("/metrics") as response:
            assert "yizhan_stream_readers 1.0" in await response.text()
        stream.close()
        async with asyncio.timeout(60):
            while True:
                async with made.client.get("/metrics") as response:
                    if "yizhan_stream_readers 0.0" in await response.text():
                        break


ALL_DOWN = replace(NORMAL, buses=tuple(replace(b, state="down") for b in NORMAL.buses))
EVICTED = replace(NORMAL, journal=replace(NORMAL.journal, evicted=9))


@pytest.mark.parametrize(
    ("vitals", "reasons"),
    [
        (NORMAL, ()),
        (STATES["away"](), ()),
        (STATES["empty"](), ()),
        (bus_down(), ()),
        (volatile(), ("web.health-volatile",)),
        (ALL_DOWN, ("web.health-buses-down",)),
    ],
)
async def test_unwell_is_what_must_be_mended_here(vitals, reasons: tuple[str, ...]) -> None:
    async with station(vitals) as made:
        said = await fetch(made, "/healthz", 503 if reasons else 200)
        health = msgspec.convert(said, HealthReport)
        assert (health.ok, health.reasons) == (not reasons, reasons)


def test_what_is_not_as_it_should_be_is_noted_by_code() -> None:
    assert healthz.assess_health(NORMAL).notes == (
        "device.gas-b5.stale",
        "device.pump.silent",
        "device.cover.faulty",
    )
    assert "uplink.district.down" in healthz.assess_health(STATES["away"]()).notes
    assert "bus.meters.down" in healthz.assess_health(bus_down()).notes
    assert "web.health-evicted" in healthz.assess_health(EVICTED).notes

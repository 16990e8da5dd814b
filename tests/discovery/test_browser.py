"""What whoever looks for stations makes of slow ones."""

from typing import Any

from zeroconf import ServiceStateChange

from gateway.discovery import station_browser
from gateway.discovery.dns_sd import YIZHAN, FoundStation
from gateway.discovery.station_browser import StationBrowser
from tests.sim.loop import simulated

NAME = f"wangjing-07.{YIZHAN}"


class Slow:
    """A station that does not answer the first questions."""

    server, properties, port = "wangjing-07.local.", {b"id": b"wangjing-07"}, 8443
    asked = 0

    def __init__(self, *_: object) -> None:
        """Any."""

    async def async_request(self, *_: object) -> bool:
        Slow.asked += 1
        return Slow.asked > 3

    def parsed_scoped_addresses(self, _: object) -> list[str]:
        return ["192.0.2.10"]


@simulated
async def test_a_station_that_is_slow_to_answer_is_asked_until_it_is_found(monkeypatch):
    told: list[tuple[str, FoundStation | None]] = []
    monkeypatch.setattr(station_browser, "AsyncServiceInfo", Slow)
    network: Any = None
    browser = StationBrowser(lambda *what: told.append(what))
    browser._changed(network, YIZHAN, NAME, ServiceStateChange.Added)
    await browser._asking[NAME]
    ((instance, found),) = told
    assert found is not None
    assert (instance, found.id, found.port) == ("wangjing-07", "wangjing-07", 8443)
    assert Slow.asked == 4

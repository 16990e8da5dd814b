"""What the announcer says in the log while there is no network."""

import asyncio
import errno
import logging
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from zeroconf.asyncio import AsyncZeroconf

from gateway.discovery import announcer
from gateway.discovery.announcer import StationAnnouncer
from gateway.discovery.dns_sd import StationCard


class Links:
    """A network that stirs at once, whenever it is asked."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    async def wait_for_change(self) -> None:
        """At once."""


class Watched(StationAnnouncer):
    """Has no network three times, then one, and is then told to end."""

    tries = 0
    state = ""

    async def _on_this_network(self, links: Any) -> None:
        self.tries += 1
        if self.tries <= 3:
            raise OSError(errno.ENODEV, "no such device")
        for state in ("setup", "open"):
            self.state = state
            await self._tell(cast("AsyncZeroconf", None))
        raise asyncio.CancelledError

    async def _register(self, zeroconf: Any, kind: str, card: Any) -> None:
        """It is said."""


async def test_a_lasting_loss_is_said_once_and_once_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announcer, "NetworkChanges", Links)
    made = Watched(lambda: cast("StationCard", SimpleNamespace(state=made.state)))
    with caplog.at_level(logging.INFO, "gateway.discovery"), pytest.raises(asyncio.CancelledError):
        await made.run()
    assert [record.getMessage() for record in caplog.records] == [
        "not announced on the network: no such device",
        "announced on the network again",
    ]

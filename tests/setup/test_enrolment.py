"""The platform bound from the page: a token for a certificate, over real TLS."""

from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Clock
from gateway.config.load import load
from gateway.errors import StationError
from gateway.station.setup import EnrolmentAdapter
from tests.setup.harness import BARE
from tests.upstream.enrolling import office, wall_now_ns


class FakeUplinks:
    """Notes what was opened anew."""

    def __init__(self) -> None:
        self.reopened: list[str] = []

    async def reopen(self, name: str) -> None:
        self.reopened.append(name)


def bound(folder: Path) -> tuple[EnrolmentAdapter, FakeUplinks]:
    (folder / "station.toml").write_text(BARE.format(port=8080, lan_port=8443), "utf-8")
    settings, uplinks = load(folder), FakeUplinks()
    given: Any = uplinks
    clock = Clock.open(folder, floor_ns=wall_now_ns())  # certificates are dated by the real time
    return EnrolmentAdapter(lambda: settings, folder, given, clock), uplinks


async def test_a_token_buys_papers_that_are_shown(tmp_path: Path) -> None:
    binding, uplinks = bound(tmp_path)
    assert binding.certificate("district") is None
    async with office(tmp_path / "p") as platform:
        token = platform.registrar.token("under-test")
        authority = str(platform.authority.file)
        await binding.enrol("district", platform.tls_url, token, authority)
        papers = binding.certificate("district")
        assert papers is not None
        assert papers.url == platform.tls_url
        assert papers.begins < papers.renews < papers.ends
        (known,) = platform.store.register.stations()
        assert known.key.startswith(papers.fingerprint.replace(" ", ""))
        assert uplinks.reopened == ["district"]
        with pytest.raises(StationError):  # a token is good for once
            await binding.enrol("other", platform.tls_url, token, authority)

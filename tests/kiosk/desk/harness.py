"""The station of `tests/access` with real requests, a hand at its kiosk and one at its desk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from broadcast.microphone.speech_endpoints import SpeechEndpointer, cut_speech
from gateway.audit import Actor
from gateway.event import Trust
from gateway.journal.personal_store import PersonalStore
from gateway.web import control_socket
from gateway.web.section import Section
from kiosk.desk.board import RequestBoard
from kiosk.desk.routes import requests_section
from kiosk.requests.catalogue import load_services
from kiosk.requests.contacts import SealedContactStore
from kiosk.requests.request import Car, Press, Request, RequestAction, VoiceNote
from kiosk.runtime.api import request_routes
from kiosk.runtime.service import RESIDENT, RequestService
from tests.access.harness import PLACES, Site, site
from tests.broadcast.audio_process.harness import speechlike
from tests.kiosk.requests.harness import DUTY, Desk, FakeDispatcher, Loud, plan
from tests.web.station import WALL_NS

ZHANG = Actor("staff", "zhang")
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)
PHONE = "13812345678"


def _said() -> VoiceNote:
    """Two seconds of somebody."""
    attention = SpeechEndpointer()
    attention.feed(speechlike(2.0).tobytes())
    made = cut_speech(attention)
    assert made is not None
    return VoiceNote(made.wav, made.small, made.seconds)


NOTE = _said()


class BoardSite(Site):
    """The running station; `press` is a resident, `act` somebody at the desk."""

    def wings(self) -> list[Section]:
        self.speaker, self.bell, self.road = Loud(), Desk(), FakeDispatcher()
        self.road.boottime_s = lambda: self.clock.now_ns() / 1e9
        self.store = PersonalStore.open(None, keys=self.folder / "keys", clock=self.clock)
        self.room = RequestService(
            plan("platform", "desk"), load_services(), self.journal, self.clock, station="test-1",
            places=PLACES, duty=DUTY, routes={"platform": self.road},
            people=SealedContactStore(self.store), speaker=self.speaker, bell=self.bell,
        )  # fmt: skip
        board = RequestBoard(self.room, self.names, {"hall": "大厅"})
        api = request_routes(self.room, self.store, self.ledger)
        return [requests_section(board, self.journal, self.look, self.store, self.ledger, api=api)]

    async def press(self, service: str, **fields: Any) -> Request:
        """Somebody presses at the kiosk in the lift of building 3."""
        self.presses += 1
        fields.setdefault("where", "b3-lift")
        note = fields.pop("note", None)
        press = Press(press=f"p{self.presses}", kiosk="hall", service=service, **fields)
        return await self.room.submit_press(press, note=note)

    presses = 0

    async def act(self, request: Request, act: str, **fields: Any) -> Request:
        return await self.room.apply_action(request.id, RequestAction(act=act, **fields), ZHANG)

    async def act_as_resident(self, request: Request, act: str) -> Request:
        return await self.room.apply_action(request.id, RequestAction(act=act), RESIDENT)

    def now(self, request: Request) -> Request:
        """As it is now."""
        return self.room.engine.repository.requests[request.id]

    async def at_the_kiosk(self, **body: Any) -> Any:
        """The kiosk's own API, by the control socket."""
        connector = aiohttp.UnixConnector(str(self.folder / control_socket.NAME))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post("http://localhost/api/v1/requests", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    def calm(self) -> None:
        """Nobody has ever pressed."""
        self.room.engine.repository.requests.clear()
        self.road.open, self.road.mood = True, "searching"
        self.speaker.said.clear()

    async def heard(self, caption: str, within_s: float = 60) -> None:
        """Until the kiosk has said that."""
        async with asyncio.timeout(within_s):
            while caption not in self.speaker.captions:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.02)

    async def until(self, request: Request, state: str, within_s: float = 60) -> Request:
        async with asyncio.timeout(within_s):
            while self.room.engine.repository.requests[request.id].state != state:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)
        return self.room.engine.repository.requests[request.id]

    async def passes(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.room._take(self.room.engine.tick(self.room.now()))
        await self.written()

    async def written(self) -> None:
        """Until everything that has happened is in the journal."""
        while self.room._waiting:  # noqa: ASYNC110  # the room tells nobody
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def board_site(folder: Path) -> AsyncIterator[BoardSite]:
    """The station with its people, its requests running."""
    async with site(folder, kind=BoardSite, control=folder / control_socket.NAME) as made:
        assert isinstance(made, BoardSite)
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        await made.furnish()
        await made.room.load()
        running = asyncio.create_task(made.room.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await made.room.stop()
            made.store.close()

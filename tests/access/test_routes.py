"""Every route × every role, from the running application, over the doors that each role comes by.

The application is the composition root's own, so no room can bring a route past this test. The
table in `docs/security.md` is the same table: `python -m tests.access.test_routes` writes it.
"""

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from msgspec.structs import replace

from gateway.access.sessions import IDLE_S
from gateway.audit.events import ACT
from gateway.event import (
    Event,
    JournalEntry,
    Lane,
    Severity,
    Timestamps,
    encode_envelope,
    encode_tail,
)
from gateway.journal.events import GAP
from gateway.rules.events import TURNS, AlarmEventData
from gateway.web import control_socket
from gateway.web.audience import PERMISSION, WITHHELD
from gateway.web.cursor import FeedCursor
from gateway.web.section import Permission, Route
from gateway.web.server import HUB, ROUTES
from tests.access.composed import SECTIONS, addressed, composed
from tests.access.harness import PASSWORDS, Browser, Site, browser
from tests.upstream.asyncapi import ROOMS

P = Permission
MAY = {
    "nobody": {P.PUBLIC},
    "viewer": {P.PUBLIC, P.VIEW, P.OWN},
    "staff": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF},
    "staff, idle": {P.PUBLIC, P.VIEW, P.OWN},
    "installer": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF, P.INSTALL},
    "installer, by PIN": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF},
    "on the machine": {P.PUBLIC, P.VIEW, P.HERE},
    "the console": set(P),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


@contextlib.asynccontextmanager
async def everybody(made: Site) -> AsyncIterator[dict[str, Browser]]:
    """One reader for each role, at the door that such a person comes by."""
    people = {"viewer": "guest", "staff": "zhang", "staff, idle": "zhang", "installer": "boss",
              "installer, by PIN": "boss"}  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        readers = {
            role: await stack.enter_async_context(browser(made, plain=role == "on the machine"))
            for role in MAY
            if role != "the console"
        }
        for role, id_ in people.items():
            signed = await made.access.sign_in(id_, PASSWORDS[id_], made.place())
            if role == "installer, by PIN":
                caller = made.access.identify(signed.token)
                assert caller is not None
                await made.access.set_pin(caller, PASSWORDS[id_], "4826", made.place())
                signed = await made.access.unlock(id_, "4826", made.place(), signed.desk)
            readers[role].keep("__Host-session", signed.token)
            if role == "staff, idle":
                made.clock.advance(IDLE_S + 1)
                continue
        for role in ("viewer", "staff", "installer", "installer, by PIN"):
            caller = made.access.identify(readers[role].token)
            assert caller is not None
            session = made.access.book.session(caller.session)
            assert session is not None
            fresh = msgspec.structs.replace(session, seen_ns=made.clock.now_ns())
            made.access.book.set_in_memory(f"session/{caller.session}", fresh)
        connector = aiohttp.UnixConnector(str(made.folder / control_socket.NAME))
        console = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        readers["the console"] = Browser(made, console, "http://localhost")
        yield readers


async def status(reader: Browser, route: Route) -> int:
    path = addressed(route)
    if route.method == "GET":
        answer = await reader.get(path)
    elif reader.base == "http://localhost":
        answer = await reader.session.post(reader.base + path)
    else:
        answer = await reader.post(path)
    answer.close()
    return answer.status


async def test_every_route_for_every_role(tmp_path: Path) -> None:
    asked = 0
    async with composed(tmp_path) as made:
        await made.furnish()
        async with everybody(made) as readers:
            for route in made.app[ROUTES]:
                for role, reader in readers.items():
                    got = await status(reader, route)
                    refused = got in (401, 403)
                    expected = route.permission in MAY[role]
                    assert refused is not expected, f"{route.method} {route.path} {role}: {got}"
                    asked += 1
        assert asked >= 8 * 30


async def test_the_document_has_the_same_table(tmp_path: Path) -> None:
    async with composed(tmp_path) as made:
        text = DOCUMENT.read_text("utf-8")
        assert table(made.app[ROUTES]) in text
        assert audience_table(made.app) in text


async def test_a_station_without_loudspeakers_has_no_other_route(tmp_path: Path) -> None:
    def asked_for(made: Site) -> set[tuple[str, str, str]]:
        return {(r.method, r.path, str(r.permission)) for r in made.app[ROUTES]}

    (tmp_path / "mute").mkdir()
    async with composed(tmp_path / "mute", sound=False) as made:
        mute = asked_for(made)
    (tmp_path / "loud").mkdir()
    async with composed(tmp_path / "loud") as made:
        assert mute < asked_for(made)


async def test_every_pulse_for_every_role(tmp_path: Path) -> None:
    """A locked reader goes on looking at what the role may see."""
    async with composed(tmp_path) as made:
        await made.furnish()
        pulses = {name: p for section in made.app[SECTIONS] for name, p in section.pulses.items()}
        assert len(pulses) >= 12
        async with everybody(made) as readers:
            for name, pulse in pulses.items():
                for role, reader in readers.items():
                    may = MAY[role.removesuffix(", idle")]
                    answer = await reader.get(f"/api/v1/events?lanes=&pulse={name}:hall")
                    answer.close()
                    expected = role != "nobody" and pulse.permission in may
                    assert (answer.status == 200) is expected, f"{name} {role}: {answer.status}"


async def test_every_kind_of_event_for_every_role(tmp_path: Path) -> None:
    """By the feed and by the live stream: whose it is not gets a gap, and the numbers are whole."""
    async with composed(tmp_path) as made:
        await made.furnish()
        audiences = made.app[HUB].audiences
        kinds = tuple(kind for room in ROOMS for kind in room.KINDS)
        assert len(kinds) >= 35
        stamps = Timestamps("0" * 16, 1)
        for kind in kinds:
            permission = PERMISSION[kind.audience]
            fact = Event(kind=kind, source="x", stamps=stamps, data=Secret("13800138000"))
            entry = JournalEntry("e" * 16, kind.lane, 7, encode_tail(fact, "test-1"))
            for may in (MAY["viewer"], MAY["staff"], MAY["installer"], MAY["on the machine"]):
                shown = audiences.filter_entry(entry, may)
                assert (shown == entry) is (permission in may), (kind.type, may)
                assert shown == entry or b"13800138000" not in shown.body
        event = json.loads(encode_envelope(audiences.filter_entry(entry, set()), "test-1"))
        assert event["type"] == GAP.type
        assert event["data"] == {**event["data"], "from": 7, "to": 7, "why": WITHHELD}


async def test_a_private_alarm_and_what_staff_noted_are_for_staff(tmp_path: Path) -> None:
    """Who fell where, and why a shelf: no viewer reads it, nor whoever is on the machine."""
    async with composed(tmp_path) as made:
        audiences = made.app[HUB].audiences
        told = AlarmEventData(
            "alarm-1", "fall", "fall", "有人跌倒", Severity.CRITICAL, "raised", on=True
        )
        secret = '13800138000 "private":true "note":"'
        hidden = (replace(told, private=True), replace(told, note="她摔过 13800138000"))
        for kind in TURNS.values():
            for data in (told, replace(told, name=secret), *hidden):
                fact = Event(
                    kind=kind, source="di", place="b3", stamps=Timestamps("0" * 16, 1), data=data
                )
                entry = JournalEntry("e" * 16, kind.lane, 7, encode_tail(fact, "test-1"))
                for role in ("viewer", "staff, idle", "on the machine"):
                    shown = audiences.filter_entry(entry, MAY[role])
                    assert (shown == entry) is (data not in hidden), (kind.type, role)
                    assert data not in hidden or b"13800138000" not in shown.body
                    assert data not in hidden or b"b3" not in shown.body
                for role in ("staff", "installer"):
                    assert audiences.filter_entry(entry, MAY[role]) == entry


async def test_what_is_for_others_is_a_gap_in_the_feed_and_in_the_stream(tmp_path: Path) -> None:
    async with composed(tmp_path) as made:
        await made.furnish()  # whose acts are in the audit
        async with everybody(made) as readers:
            for role, sees in (("viewer", False), ("staff", True), ("on the machine", False)):
                answer = await readers[role].get("/api/v1/feed?lane=service")
                events = json.loads(await answer.read())
                assert [int(each["sequence"]) for each in events] == list(range(1, len(events) + 1))
                types = {each["type"] for each in events}
                assert (ACT.type in types) is sees, role
                stream = await readers[role].get("/api/v1/events?after=" + start(made))
                told = await stream.content.readuntil(b"event: pulse")
                stream.close()
                assert (ACT.type.encode() in told) is sees, role
                assert (b'"keys/add"' in told) is sees, role


def start(made: Site) -> str:
    """A cursor before everything."""
    return str(FeedCursor(made.journal.epoch, dict.fromkeys(Lane, 0)))


class Secret(msgspec.Struct):
    phone: str


def audience_table(app: web.Application) -> str:
    """Who may read which kind of event and see which pulse, as the document shows it."""
    kinds = {kind.type: PERMISSION[kind.audience] for room in ROOMS for kind in room.KINDS}
    pulses = {
        f"pulse={name}": pulse.permission
        for section in app[SECTIONS]
        for name, pulse in section.pulses.items()
    }
    rows = [f"| `{name}` | {asks.value} |" for name, asks in sorted({**kinds, **pulses}.items())]
    return "\n".join(["| kind or pulse | asks for |", "|---|---|", *rows])


def table(routes: tuple[Route, ...]) -> str:
    """Who may ask what, as the document shows it."""
    heads = ["route", "asks for", *MAY]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        assert route.permission is not None
        marks = ["yes" if route.permission in MAY[role] else "–" for role in MAY]
        name = f"`{route.method} {route.path}`"
        lines.append(f"| {' | '.join([name, route.permission.value, *marks])} |")
    return "\n".join(lines)


async def write() -> None:
    """Put the table of the running application into the document."""
    with tempfile.TemporaryDirectory() as folder:
        async with composed(Path(folder)) as made:
            tables = table(made.app[ROUTES]), audience_table(made.app)
    text = DOCUMENT.read_text("utf-8")
    for made_anew in tables:
        head = re.escape(made_anew[: made_anew.index(" |", 2) + 2])
        former = re.search(rf"{head}.*(?:\n\|.*)*", text)
        assert former is not None
        text = text.replace(former.group(), made_anew)
    DOCUMENT.write_text(text, "utf-8")


if __name__ == "__main__":
    asyncio.run(write())

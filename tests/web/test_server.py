"""What is wrong with a section or a port is said at start-up, by name."""

import socket
from pathlib import Path

import jinja2
import pytest
from aiohttp import web

from gateway.errors import Unavailable, UsageError
from gateway.texts import LANGUAGES, Texts
from gateway.web.i18n import CATALOGUES
from gateway.web.page_renderer import PAGES
from gateway.web.section import NavTab, Permission, Route, Section
from gateway.web.server import WebOptions, WebServer, build_app
from tests.web.station import STATES, Station, station


async def nothing(_request: web.Request) -> web.StreamResponse:
    return web.Response()


def built(*sections: Section) -> web.Application:
    made = Station()
    return build_app([*made.sections, *sections], vitals=made.look, feed=made.journal)


def section(**given) -> Section:
    return Section(**({"name": "extra", "routes": ()} | given))


async def test_a_route_without_permission_does_not_start() -> None:
    with pytest.raises(UsageError) as refused:
        built(section(routes=(Route(path="/open", handler=nothing),)))
    assert refused.value.code == "web.no-permission"
    assert refused.value.data == {"method": "GET", "path": "/open"}


@pytest.mark.parametrize("path", ["/", "/api/v1/lanes", "no-slash", "/{"])
async def test_an_address_that_is_taken_or_wrong_does_not_start(path: str) -> None:
    with pytest.raises(UsageError) as refused:
        built(section(routes=(Route(path=path, handler=nothing, permission=Permission.VIEW),)))
    assert refused.value.code == "web.bad-route"


async def test_two_tabs_of_one_number_do_not_start() -> None:
    with pytest.raises(UsageError) as refused:
        built(section(nav=NavTab(5, "/other", "live.tab")))
    assert refused.value.code == "web.tab-twice"


async def test_a_template_that_does_not_compile_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{% if %}")
    with pytest.raises(jinja2.TemplateSyntaxError):
        built(section(templates=tmp_path))


async def test_a_held_port_is_named_with_its_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        server = WebServer(built(), WebOptions(port=port))
        with pytest.raises(Unavailable) as held:
            await server.start()
    assert held.value.code == "web.port-held"
    for language in LANGUAGES:
        remedy = Texts(language).remedy(held.value.code, **held.value.data)
        assert remedy is not None
        assert str(port) in remedy


async def test_a_control_socket_that_fails_leaves_the_port_and_a_stop_gives_it_back(
    tmp_path: Path,
) -> None:
    server = WebServer(built(), WebOptions(port=0), control=tmp_path / "absent" / "c.sock")
    with pytest.raises(Unavailable):
        await server.start()
    with socket.create_connection(("127.0.0.1", server.port)):
        assert not server.is_bound
    await server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


async def test_it_listens_on_loopback_only() -> None:
    async with station() as made:
        assert made.server._local is not None
        assert made.server._commands is None
        lines = made.server._local.sockets
        assert [line.getsockname()[0] for line in lines] == ["127.0.0.1"]


async def test_a_stop_may_come_twice() -> None:
    async with station() as made:
        await made.server.stop()


async def test_static_files_are_kept_for_ever_under_their_hash() -> None:
    async with station() as made:
        text = await (await made.client.get("/")).text()
        address = text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        async with made.client.get(address) as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.content_type == "text/css"
            sheet = await response.text()
        assert "--wall" in sheet
        assert ".board" in sheet
        async with made.client.get(address, headers={"Accept-Encoding": "identity"}) as response:
            assert "Content-Encoding" not in response.headers
            assert await response.text() == sheet
        async with made.client.get(address.replace("station", "tokens")) as response:
            assert response.status == 404


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_card_renders_in_every_state(state: str, language: str) -> None:
    """The desk shows them; until then this is their reader."""
    async with station(STATES[state]()) as made:
        card = made.sections[0].card
        assert card is not None
        words = CATALOGUES[language]
        text = (
            made.app[PAGES]
            .environment.get_template(card.template)
            .render(w=words, view=card.facts(made.vitals, words), vitals=made.vitals)
        )
        assert words("live.card") in text
        urgency = {"volatile": 2, "bus-down": 2, "normal": 1, "away": 1, "waiting": 0, "empty": 0}
        assert card.urgency(made.vitals) == urgency[state]

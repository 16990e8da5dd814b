"""The real process: from the box to the desk; and two of them share nothing."""

import asyncio
import json
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from gateway.access import codes
from gateway.station.web import SHOW_CODE
from tests.ports import free_port
from tests.station.harness import StationProcess

pytestmark = pytest.mark.slow

PASSWORD = "correct horse station"


def installed(folder: Path) -> tuple[StationProcess, int, int]:
    """A station fresh from the box."""
    folder.mkdir()
    port, lan_port = free_port(), free_port()
    (folder / "station.toml").write_text(
        'schema = 1\n[station]\nid = "alone"\nname = "独站"\n[journal]\nquota_mb = 16\n'
        f"[web]\nport = {port}\nlan_port = {lan_port}\n[discovery]\nannounce = false\n",
        "utf-8",
    )
    return StationProcess(folder), port, lan_port


def files_of_keys(station: StationProcess) -> dict[str, bytes]:
    keys = station.folder / "state" / "keys"
    return {path.name: path.read_bytes() for path in keys.iterdir() if path.is_file()}


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


async def claimed(port: int, code: str) -> bytes:
    """Make the first account, as an installer at the machine; the station's authority."""
    base, form = f"http://127.0.0.1:{port}", {"id": "boss", "name": "王工"}
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(base))
    async with aiohttp.ClientSession(base, cookie_jar=jar) as client:
        async with client.get("/signin") as page:
            assert page.status == 200
        cookie = jar.filter_cookies(URL(base))["__Host-form"].value
        fields = {**form, "form": codes.form_token(cookie), "code": code, "password": PASSWORD}
        async with client.post(
            "/signin/claim", data=fields, headers={"Origin": base}, allow_redirects=False
        ) as answer:
            assert answer.status == 303
        async with client.get("/trust/authority.cer") as answer:
            return await answer.read()


async def test_a_fresh_install_from_the_box_to_the_desk(tmp_path: Path) -> None:
    station, port, lan_port = installed(tmp_path / "one")
    try:
        await station.start()
        code = await station.claim_code()
        assert station.said.count("yizhan accounts claim-code") == 1, "where to get it"
        assert not listens(lan_port), "before the claim, nothing listens for others"
        authority = await claimed(port, code)
        assert listens(lan_port), "and then at once"
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.load_verify_locations(cadata=authority)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as client,
            client.get(f"https://localhost:{lan_port}/api/v1/vitals") as answer,
        ):
            assert answer.status == 401
        await station.stop()
        await station.start()
        assert listens(lan_port), "also after a restart"
        assert code not in station.said, "a log is read by others"
    finally:
        await station.kill()


async def test_whoever_starts_it_for_a_watching_person_has_the_code_shown(tmp_path: Path) -> None:
    installed(tmp_path / "one")
    station = StationProcess(tmp_path / "one", **{SHOW_CODE: "1"})
    try:
        await station.start()
        assert station.said.count(await station.claim_code()) == 1
    finally:
        await station.kill()


async def test_when_the_storage_is_lost_people_still_come_in(tmp_path: Path) -> None:
    station, port, lan_port = installed(tmp_path / "one")
    journal = tmp_path / "one" / "state" / "journal.db"
    try:
        await station.start()
        await claimed(port, await station.claim_code())
        await station.stop()
        journal.rename(journal.with_suffix(".away"))
        journal.mkdir()  # as a card that opens nothing any more
        await station.start()
        assert "storage lost" in station.said
        base = f"https://localhost:{lan_port}"
        jar = aiohttp.CookieJar(unsafe=True)
        line = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(base, connector=line, cookie_jar=jar) as client:
            page = await (await client.get("/signin", headers={"Accept": "text/html"})).text()
            assert "存储坏了" in page
            form = codes.form_token(jar.filter_cookies(URL(base))["__Host-form"].value)
            fields = {"form": form, "id": "boss", "password": PASSWORD}
            async with client.post(
                "/signin/enter", data=fields, headers={"Origin": base}, allow_redirects=False
            ) as answer:
                assert answer.status == 303, "signed in, at a desk computer"
            async with client.get("/desk/", headers={"Accept": "text/html"}) as answer:
                main = (await answer.text()).split("<main")[1]
                assert main.index("存储坏了") < main.index("现在要人")
    finally:
        await station.kill()


async def test_two_fresh_installs_share_no_secret(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        station, _, _ = installed(tmp_path / name)
        try:
            await station.start()
            code = await station.claim_code()
        finally:
            await station.kill()
        secrets = files_of_keys(station)
        assert {"claim.key", "tls-authority.pem", "tls.pem"} <= set(secrets)
        found.append(secrets | {"code": code.encode()})
    one, two = found
    assert [name for name in one if one[name] == two.get(name)] == []
    private = [{pem.split(b"-----END")[0] for pem in secrets.values()} for secrets in found]
    assert not private[0] & private[1]


async def test_a_certificate_of_the_past_is_replaced_as_soon_as_somebody_tells_the_time(
    tmp_path: Path,
) -> None:
    """A Pi makes its first one before anything has set the clock: it may be over already."""
    station, _, _ = installed(tmp_path / "one")
    control = aiohttp.UnixConnector(str(station.run_folder / "control.sock"))
    try:
        await station.start()
        (note,) = [
            path
            for path in (station.folder / "state" / "keys").iterdir()
            if b'"born"' in path.read_bytes()
        ]
        born = note.read_bytes()
        async with (
            aiohttp.ClientSession(connector=control) as client,
            client.post(
                "http://localhost/desk/clock",
                data={"at": "2031-05-01T09:30"},
                allow_redirects=False,
            ) as answer,
        ):
            assert answer.status == 303
        async with asyncio.timeout(60):
            while note.read_bytes() == born:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        shown = json.loads(note.read_bytes())
        assert json.loads(born)["ends"] != shown["ends"]
        assert shown["born"] < "2031-05-01T01:30:00Z" < shown["ends"]
        assert "shows a new certificate" in station.said
    finally:
        await station.kill()

"""The station's certificates: whom they let in, what they may vouch for, when they are renewed."""

import asyncio
import ipaddress
import ssl
import stat
from pathlib import Path

import aiohttp
import msgspec
import pytest

from gateway.event import Trust
from gateway.web import certificate, certificate_state
from gateway.web.station_tls import StationTls, own_addresses, station_names
from tests.access.harness import browser, site, trusting
from tests.sim.clock import SimulatedClock

NAMES = station_names("test-1")
HOME = frozenset({ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("192.168.1.20")})
DAY_S = 86_400


def opened(folder: Path, clock: SimulatedClock | None = None, addresses=HOME) -> StationTls:
    return StationTls(folder, "test-1", NAMES, clock or SimulatedClock(), lambda: addresses)


async def test_a_computer_that_trusts_the_station_needs_no_exception(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        for host in ("localhost", "127.0.0.1"):
            async with browser(made) as reader:
                reader.base = f"https://{host}:{made.server.lan_port}"
                assert (await reader.get("/signin")).status == 200


async def test_a_computer_that_does_not_is_warned(tmp_path: Path) -> None:
    async with site(tmp_path / "a") as made, site(tmp_path / "b") as other:
        for context in (ssl.create_default_context(), trusting(other)):
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(made.https + "/signin", ssl=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_only_present_versions_are_spoken(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with site(tmp_path) as made:
        context = trusting(made)
        context.minimum_version = context.maximum_version = version
        _, writer = await asyncio.open_connection(
            "127.0.0.1", made.server.lan_port, ssl=context, server_hostname="localhost"
        )
        writer.close()
        assert made.tls.context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_the_authority_is_offered_and_is_the_one_that_is_used(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        answer = await reader.get("/trust/authority.cer")
        assert answer.content_type == "application/x-x509-ca-cert"
        assert await answer.read() == made.tls.authority
        page = await reader.page("/trust")
        assert made.tls.fingerprint[:24] in page
        assert "受信任的根证书颁发机构" in page


def test_it_may_vouch_for_the_station_and_for_nothing_else(tmp_path: Path) -> None:
    """The constraint is in the certificate, and OpenSSL holds it."""
    tls = opened(tmp_path)
    by = certificate.CertificatePair.read((tmp_path / "tls-authority.pem").read_bytes())
    forged = certificate.create_certificate(by, ["www.bank.example"], [], tls._now())
    (tmp_path / "forged.pem").write_bytes(forged.pem())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "forged.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=tls.authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT if hasattr(ssl, "VERIFY_X509_STRICT") else 0
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake_hands(client, server, "www.bank.example")
    shake_hands(client, tls.context, "localhost")
    shake_hands(client, tls.context, "192.168.1.20")


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """A whole handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_keys_are_the_owners_alone_and_survive_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for name in ("tls.pem", "tls-authority.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    again = opened(tmp_path)
    assert again.fingerprint == first.fingerprint
    assert again.shown == first.shown


def test_it_is_renewed_at_two_thirds_of_its_life_and_the_authority_stays(tmp_path: Path) -> None:
    clock = SimulatedClock()
    clock.kernel.hold()
    clock.poll()
    tls = opened(tmp_path, clock)
    first, trusted = tls.shown, tls.fingerprint
    clock.advance(260 * DAY_S)
    assert not tls.renew()
    clock.advance(10 * DAY_S)
    assert tls.renew()
    assert tls.shown != first
    assert tls.fingerprint == trusted


def seen_by(tls: StationTls, right_ns: int) -> bool:
    """Whether a computer that knows the right time finds the certificate in time."""
    assert tls.shown is not None
    return tls.shown.born.timestamp() * 1e9 <= right_ns <= tls.shown.ends.timestamp() * 1e9


@pytest.mark.parametrize("wrong_days", [-200, -3, 3, 200, 400])
@pytest.mark.parametrize("first", [True, False])
def test_a_time_that_nobody_seconds_shuts_no_desk_out(
    tmp_path: Path, wrong_days: int, *, first: bool
) -> None:
    """A renewal by one platform's wrong time is still in time for who knows the right one."""
    clock = SimulatedClock()
    if not first:
        clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
        opened(tmp_path, clock)
        clock.advance(230 * DAY_S)
        clock = clock.rebooted()
    clock.learn(Trust.PLATFORM, clock.kernel.true_ns + wrong_days * DAY_S * 10**9, 0)
    tls = opened(tmp_path, clock)
    assert seen_by(tls, clock.kernel.true_ns)
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    tls.renew()
    assert seen_by(tls, clock.kernel.true_ns)
    assert not tls.renew()


def test_it_is_made_anew_when_the_station_moves_to_another_address(tmp_path: Path) -> None:
    opened(tmp_path)
    moved = HOME | {ipaddress.ip_address("10.3.0.9")}
    tls = opened(tmp_path, addresses=moved)
    assert tls.shown is not None
    assert tls.shown.addresses == set(map(str, moved))
    assert tls.shown.names == set(NAMES)


def test_a_station_that_does_not_know_the_time_is_still_believed(tmp_path: Path) -> None:
    clock = SimulatedClock()
    assert clock.stamp().trust is Trust.NONE
    tls = opened(tmp_path, clock)
    assert tls.shown is not None
    assert tls.shown.born.year >= 2025
    assert (tls.shown.ends - tls.shown.born).days == 397


@pytest.mark.parametrize("name", ["tls-authority.pem", "tls.pem"])
@pytest.mark.parametrize("before", [True, False])
def test_a_damaged_key_is_set_aside_named_and_made_anew(
    tmp_path: Path, name: str, *, before: bool
) -> None:
    """Whether or not the station has started with it before, and noted what it says."""
    former = opened(tmp_path).authority if before else None
    (tmp_path / name).write_text("not a key")
    faults: list[str] = []

    def on_fault(where: str, error: BaseException) -> None:
        faults.append(f"{where} {error}")

    clock = SimulatedClock()
    tls = StationTls(tmp_path, "test-1", NAMES, clock, lambda: HOME, on_fault=on_fault)
    assert tls.shown is not None
    assert faults
    assert all(name in fault for fault in faults)
    assert (tmp_path / f"{name}.damaged").read_text() == "not a key"
    if name == "tls.pem" and former is not None:
        assert tls.authority == former, "computers know it still"


def test_what_is_noted_is_what_the_certificate_says(tmp_path: Path) -> None:
    noted = opened(tmp_path).shown
    assert noted is not None
    shown = certificate.CertificatePair.read((tmp_path / "tls.pem").read_bytes())
    assert certificate.describe_certificate(shown, noted.of) == noted == opened(tmp_path).shown


@pytest.mark.parametrize("note", ["", "{}", '{"of": "another"}', None])
def test_a_note_that_is_not_of_this_certificate_is_made_anew(
    tmp_path: Path, note: str | None
) -> None:
    first = opened(tmp_path).shown
    path = tmp_path / "tls.json"
    path.unlink() if note is None else path.write_text(note)
    assert opened(tmp_path).shown == first
    assert msgspec.json.decode(path.read_bytes(), type=certificate_state.CertificateState) == first


def test_a_certificate_put_there_by_hand_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    opened(tmp_path / "other", addresses=HOME)
    opened(tmp_path / "here", addresses=HOME)
    for name in ("tls.pem", "tls-authority.pem"):
        (tmp_path / "here" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    assert opened(tmp_path / "here").shown == opened(tmp_path / "other").shown


def test_two_stations_share_nothing(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    assert one.fingerprint != other.fingerprint
    keys = {path.read_bytes().split(b"-----END")[0] for path in tmp_path.rglob("*.pem")}
    assert len(keys) == 4


def test_own_addresses_are_private_ones() -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()
    assert all(certificate_state.is_vouchable(address) for address in own_addresses())
    assert not certificate_state.is_vouchable(ipaddress.ip_address("8.8.8.8"))

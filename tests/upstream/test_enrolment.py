"""Enrolment over real TLS: bound once, believed by its certificate, renewed in time."""

import asyncio
import contextlib
import datetime
import json
import os
import stat
from pathlib import Path

import pytest
from aiohttp import web

from gateway.demo.platform.authority import CertificateAuthority
from gateway.enrol import command
from gateway.errors import BadReceipt, DeliveryRejected, PlatformUnreachable, StationError
from gateway.event import Trust
from gateway.signing import Signer
from gateway.upstream.enrolment import renewal
from gateway.upstream.enrolment.certificates import (
    EnrolmentFiles,
    EnrolmentGrant,
    PrivateKey,
    certificate_request,
    is_renewal_due,
    renewal_time_ns,
)
from gateway.upstream.enrolment.client import claim_certificate
from gateway.upstream.feed.throughput import ANSWER_S
from gateway.upstream.uplinks.contract import EventBatch, PollPosition
from gateway.upstream.uplinks.platform_tls import PlatformTls
from gateway.web import control_socket
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.upstream.enrolling import (
    DAY_NS,
    Post,
    arguments,
    clock_at,
    office,
    wall_now_ns,
)
from tests.upstream.harness import until
from tests.upstream.ledger import EPOCH, STATION

BATCH = EventBatch(STATION, EPOCH)
TLS = "upstream.tls"


async def test_a_station_enrols_and_is_known_by_its_certificate(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
        async with post.uplink() as road:
            assert (await road.deliver(BATCH, ANSWER_S)).receipt.epoch == EPOCH
        assert post.papers.enrolment().command_key == platform.hand.signer.public
        (known,) = platform.store.register.stations()
        assert known.station == STATION
        assert known.key.startswith(post.papers.fingerprint().replace(" ", ""))
        begins_ns, ends_ns = post.papers.lifetime()
        assert begins_ns < wall_now_ns() < ends_ns
        for path in (tmp_path / "keys").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_key_never_leaves_the_station(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        secret = post.papers.key().private_numbers().private_value
        await post.enrol()
        assert secret.to_bytes(32, "big") not in (tmp_path / "p" / "platform.db").read_bytes()
        assert "PRIVATE" not in certificate_request(post.papers.key(), STATION)


async def test_without_a_certificate_or_with_anothers_nothing_is_taken(tmp_path):
    async with office(tmp_path / "p") as platform:
        stranger = Post(platform, tmp_path / "none")
        async with stranger.uplink() as road:
            with pytest.raises(DeliveryRejected) as refused:
                await road.deliver(BATCH, ANSWER_S)
            assert refused.value.data["status"] == 401
        other = Post(platform, tmp_path / "other")
        await other.enrol(station="balizhuang-02")
        async with other.uplink(STATION) as road:
            with pytest.raises(DeliveryRejected) as refused:
                await road.deliver(BATCH, ANSWER_S)
            assert refused.value.data["status"] == 403
            with pytest.raises(DeliveryRejected):
                await road.commands(PollPosition(), 0)


async def test_a_token_binds_one_key_and_no_second(tmp_path):
    async with office(tmp_path / "p") as platform:
        token = platform.registrar.token(STATION)
        post = Post(platform, tmp_path / "keys")
        await post.enrol(token)
        thief = Post(platform, tmp_path / "thief")
        with pytest.raises(DeliveryRejected) as refused:
            await thief.enrol(token)
        assert (refused.value.code, refused.value.data["status"]) == ("enrol.token", 403)
        assert thief.papers.enrolment() is None


async def test_an_answer_that_was_lost_is_given_again_to_the_same_key(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        token = platform.registrar.token(STATION)
        lost = await claim_certificate(
            platform.tls_url, post.papers.key(), STATION, token, post.tls
        )
        await post.enrol(token)  # as after a power cut: asks for the same key
        assert lost.certificate not in post.papers.pem.read_text("ascii")
        async with post.uplink() as road:
            await road.deliver(BATCH, ANSWER_S)


@pytest.mark.parametrize("case", ["wrong", "late", "empty", "other station"])
async def test_a_token_that_is_not_right_is_refused(tmp_path, case):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        token = {
            "wrong": lambda: "AAAA-BBBB-CCCC",
            "late": lambda: platform.registrar.token(STATION, ttl_s=-1),
            "empty": lambda: "",
            "other station": lambda: platform.registrar.token("balizhuang-02"),
        }[case]()
        with pytest.raises(DeliveryRejected) as refused:
            await post.enrol(token)
        expected = "enrol.refused" if case == "other station" else "enrol.token"
        assert refused.value.code == expected
        assert not post.papers.pem.exists()
        assert platform.store.register.stations() == []


async def test_an_authority_that_we_do_not_know_is_refused(tmp_path):
    async with office(tmp_path / "p") as platform:
        (tmp_path / "x").mkdir()
        stranger = CertificateAuthority(tmp_path / "x").file
        with pytest.raises(PlatformUnreachable) as refused:
            await Post(platform, tmp_path / "keys", ca_file=stranger).enrol()
        assert refused.value.code == TLS


def dated(days_ago: int):
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days_ago)
    return lambda authority: authority.server(("127.0.0.1",), begins=begins)


async def test_another_host_than_we_called_is_refused(tmp_path):
    async with office(tmp_path / "p", own=lambda a: a.server(("iot.example.cn",))) as platform:
        with pytest.raises(PlatformUnreachable) as refused:
            await Post(platform, tmp_path / "keys").enrol()
        assert refused.value.code == TLS


def seconded(wall_ns: int) -> SimulatedClock:
    """A clock that a platform and a meter vouch for."""
    clock = clock_at(wall_ns, trust=Trust.PLATFORM)
    clock.learn(Trust.METER, wall_ns, 1_000_000_000, "em-b3")
    return clock


@pytest.mark.parametrize("days", [3651, -3])
async def test_a_certificate_of_another_time_is_refused_where_two_witnesses_say_so(tmp_path, days):
    async with office(tmp_path / "p", own=dated(days)) as platform:
        with pytest.raises(PlatformUnreachable) as refused:
            await Post(platform, tmp_path / "keys", seconded(wall_now_ns())).enrol()
        assert refused.value.code == TLS


@pytest.mark.parametrize(
    ("trust", "days", "doubt"),
    [
        *((Trust.PLATFORM, 3651, "over"), (Trust.METER, 3651, "over"), (None, 3651, "over")),
        *((Trust.PLATFORM, -3, "early"), (None, -3, ""), (Trust.PERSON, 1, "")),
    ],
)
async def test_what_one_witness_or_the_floor_says_refuses_nobody_and_is_told(
    tmp_path, trust, days, doubt
):
    """Who was told a wrong time once must still hear from the one who can set it right."""
    told: list[str] = []
    async with office(tmp_path / "p", own=dated(days)) as platform:
        post = Post(platform, tmp_path / "keys", clock_at(wall_now_ns(), trust=trust))
        post.tls = PlatformTls(post.clock, ca_file=post.ca_file, own=None, doubted=told.append)
        former = post.tls
        await post.enrol()
        assert former.doubt == doubt
        assert told == [doubt] * bool(doubt)
        for _ in range(3):  # once, not at every handshake
            await claim_certificate(
                platform.tls_url,
                post.papers.key(),
                STATION,
                platform.registrar.token(STATION),
                former,
            )
        assert told == [doubt] * bool(doubt)


async def test_one_wrong_receipt_at_the_first_start_locks_no_platform_out(tmp_path):
    """400 days ahead from one receipt, then a handshake anew: it was refused for good."""
    async with office(tmp_path / "p", own=dated(3300)) as platform:
        clock = SimulatedClock(SimulatedKernel(true_ns=wall_now_ns()))
        clock.learn(Trust.PLATFORM, wall_now_ns() + 400 * DAY_NS, 1_000_000, "district")
        post = Post(platform, tmp_path / "keys", clock)
        await post.enrol()
        async with post.uplink() as road:
            await road.deliver(BATCH, ANSWER_S)
        after = clock.rebooted()
        assert after.floor_ns < wall_now_ns()
        for _ in range(4):
            after.learn(Trust.PLATFORM, after.kernel.true_ns, 1_000_000, "district")
            after.advance(60)
        assert after.stamp().wall_ns == after.kernel.true_ns


async def test_plain_http_grants_nothing(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        with pytest.raises(DeliveryRejected) as refused:
            await claim_certificate(
                platform.url,
                post.papers.key(),
                STATION,
                platform.registrar.token(STATION),
                None,
            )
        assert refused.value.data["status"] == 400


async def test_it_renews_at_two_thirds_and_not_before(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
        former, life = post.papers.pem.read_bytes(), post.papers.lifetime()
        assert not is_renewal_due(life, clock_at(renewal_time_ns(life) - DAY_NS))
        assert is_renewal_due(life, clock_at(renewal_time_ns(life)))
        heard: list[tuple[int, int]] = []
        for wall_ns, renewed in (
            (renewal_time_ns(life) - DAY_NS, False),
            (renewal_time_ns(life), True),
        ):
            told = asyncio.Event()

            def tell(valid: tuple[int, int], told=told, times=1 + renewed) -> None:
                heard.append(valid)
                if len(heard) > times:  # it looks once, at once: the dates, then the new ones
                    told.set()

            # The platform is of today, so its own certificate is judged by today's clock.
            clock = clock_at(wall_ns)
            keeping = asyncio.create_task(
                renewal.keep_certificate_valid(post.papers, post.tls, STATION, clock, tell)
            )
            if renewed:
                async with asyncio.timeout(60):
                    await told.wait()
            else:
                await asyncio.sleep(0.3)
            keeping.cancel()
            assert (post.papers.pem.read_bytes() != former) == renewed
        assert heard[0] == life
        assert not (tmp_path / "keys" / "district.next").exists()
        async with post.uplink() as road:
            await road.deliver(BATCH, ANSWER_S)


@pytest.mark.parametrize("trust", [Trust.METER, None])
async def test_a_renewal_is_due_by_the_floor_where_nobody_knows_the_time(tmp_path, trust):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
        life = post.papers.lifetime()
    assert is_renewal_due(life, clock_at(renewal_time_ns(life) + 1, trust=trust))
    assert not is_renewal_due(life, clock_at(renewal_time_ns(life) - DAY_NS, trust=trust))


async def test_a_renewal_that_fails_is_said_and_leaves_the_former(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.01)
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
    former = post.papers.pem.read_bytes()
    clock = clock_at(renewal_time_ns(post.papers.lifetime()))
    keeping = asyncio.create_task(
        renewal.keep_certificate_valid(post.papers, post.tls, STATION, clock)
    )
    looks = 0
    life = post.papers.lifetime

    def looked() -> tuple[int, int]:
        nonlocal looks
        looks += 1
        return life()

    monkeypatch.setattr(post.papers, "lifetime", looked)
    await until(lambda: "is not renewed" in caplog.text)
    said_at = looks
    await until(lambda: looks > said_at + 3)
    keeping.cancel()
    assert caplog.text.count("is not renewed") == 1  # once a day, not once a look
    assert post.papers.pem.read_bytes() == former


def test_a_renewal_changes_neither_the_command_key_nor_the_address(tmp_path):
    """Who holds the platform's address, a front-end say, does not thereby say whom we obey."""
    authority, papers = (
        CertificateAuthority(tmp_path),
        EnrolmentFiles(tmp_path / "keys", "district"),
    )
    ours, theirs = (Signer.open(tmp_path / name).public for name in ("ours", "theirs"))

    def granted(key: PrivateKey, **more: str) -> EnrolmentGrant:
        return EnrolmentGrant(authority.client(certificate_request(key, STATION), STATION), **more)

    key = papers.key()
    papers.store_grant(key, granted(key, url="https://a", command_key=ours), "https://a")
    enrolled, pem = papers.enrolment(), papers.pem.read_bytes()
    key = papers.key()
    told = papers.renew(key, granted(key, url="https://b", command_key=theirs))
    assert told == ["url", "command_key"]
    assert papers.enrolment() == enrolled
    assert papers.pem.read_bytes() != pem, "the certificate is taken"
    key = papers.key()
    assert papers.renew(key, granted(key, url="https://a", command_key=ours)) == []


async def test_a_clock_that_is_far_ahead_renews_once_a_day_and_not_each_hour(tmp_path, monkeypatch):
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.0)
    renewals = 0

    async def renewed(*_: object) -> None:
        nonlocal renewals
        renewals += 1

    monkeypatch.setattr(renewal, "renew_certificate", renewed)
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
    clock = clock_at(renewal_time_ns(post.papers.lifetime()) + 400 * DAY_NS)
    looks = 0

    def tell(_: tuple[int, int]) -> None:
        nonlocal looks
        looks += 1
        if looks - renewals > 10 * 24:  # one a look, one a renewal
            keeping.cancel()

    keeping = asyncio.create_task(
        renewal.keep_certificate_valid(post.papers, None, STATION, clock, tell)
    )
    await asyncio.wait({keeping})
    assert 10 <= renewals <= 11


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("cut", range(1, 9))
async def test_a_power_cut_at_any_write_leaves_a_station_that_can_go_on(tmp_path, monkeypatch, cut):
    """Each fsync, rename and unlink in turn is the last thing that happens; then it enrols again,
    with the same token."""
    async with office(tmp_path / "p") as platform:
        token = platform.registrar.token(STATION)
        with monkeypatch.context() as patch:
            left = cutting(patch, cut)
            try:
                await Post(platform, tmp_path / "keys").enrol(token)
                assert left[0] > 0
            except PowerCut:
                pass
        post = Post(platform, tmp_path / "keys")
        enrolled = post.papers.enrolment()
        if enrolled is None:
            await post.enrol(token)
        post.papers.lifetime()
        assert post.papers.enrolment().url == platform.tls_url
        again = Post(platform, tmp_path / "keys")
        again.tls = type(again.tls)(again.clock, ca_file=again.ca_file, own=again.papers.pem)
        async with again.uplink() as road:
            await road.deliver(BATCH, ANSWER_S)


@pytest.mark.parametrize("cut", range(1, 7))
async def test_a_power_cut_while_renewing_leaves_the_former_or_the_new(tmp_path, monkeypatch, cut):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        await post.enrol()
        with monkeypatch.context() as patch:
            cutting(patch, cut)
            with contextlib.suppress(PowerCut):
                await renewal.renew_certificate(post.papers, post.tls, STATION)
        after = Post(platform, tmp_path / "keys")
        after.tls = type(after.tls)(after.clock, ca_file=after.ca_file, own=after.papers.pem)
        async with after.uplink() as road:
            await road.deliver(BATCH, ANSWER_S)
        await renewal.renew_certificate(after.papers, after.tls, STATION)


def cutting(patch: pytest.MonkeyPatch, cut: int) -> list[int]:
    """From the `cut`-th on, no sync, rename or unlink of a file happens any more."""
    left = [cut]

    def guarded(call):
        def guard(*args, **named):
            left[0] -= 1
            if left[0] <= 0:
                raise PowerCut
            return call(*args, **named)

        return guard

    patch.setattr("os.fsync", guarded(os.fsync))
    patch.setattr("pathlib.Path.replace", guarded(Path.replace))
    patch.setattr("pathlib.Path.unlink", guarded(Path.unlink))
    return left


async def test_damaged_files_are_named_or_made_anew(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "district.next").write_bytes(b"\0" * 64)
        await post.enrol()  # nobody had vouched for that key yet
        for name, ask in (
            ("district.pem", EnrolmentFiles.lifetime),
            ("district.enrolment", EnrolmentFiles.enrolment),
        ):
            path = tmp_path / "keys" / name
            whole = path.read_bytes()
            for broken in (b"", whole[: len(whole) // 2], b"\xff" * 300, b'{"url":"\xff"}'):
                path.write_bytes(broken)
                with pytest.raises(StationError) as raised:
                    ask(post.papers)
                assert raised.value.code == "enrol.damaged"
                assert raised.value.data["path"] == str(path)
            path.write_bytes(whole)


async def test_a_certificate_for_another_key_is_not_taken(tmp_path):
    async with office(tmp_path / "p") as platform:
        post = Post(platform, tmp_path / "keys")
        other = EnrolmentFiles(tmp_path / "other", "district").key()
        certificate = platform.authority.client(certificate_request(other, STATION), STATION)
        key = post.papers.key()
        for granted, code in (
            (EnrolmentGrant(certificate), "enrol.other-key"),
            (EnrolmentGrant("-----BEGIN"), "enrol.no-certificate"),
            (
                EnrolmentGrant(
                    platform.authority.client(certificate_request(key, STATION), STATION), None, "x"
                ),
                "enrol.bad-command-key",
            ),
        ):
            with pytest.raises(BadReceipt) as raised:
                post.papers.store_grant(key, granted, platform.tls_url)
            assert raised.value.code == code
        assert not post.papers.pem.exists()


SETTINGS = """schema = 1
[station]
id = "{station}"
name = "望京西园三区驿站"
[upstream.district]
kind = "http"
url = "{url}"
"""


@pytest.fixture
async def bench(tmp_path):
    """A platform, a folder of settings that names it, a folder of state."""
    async with office(tmp_path / "p") as platform:
        config = tmp_path / "config"
        config.mkdir()
        text = SETTINGS.format(station=STATION, url=platform.tls_url)
        (config / "station.toml").write_text(text, "utf-8")
        yield platform, config, tmp_path / "state"


async def asked(config, state, capsys, **given) -> tuple[int, str, str]:
    code = await asyncio.to_thread(command.run, arguments(config, state, **given))
    said = capsys.readouterr()
    return code, said.out, said.err


async def test_the_command_enrols_and_tells(bench, capsys):
    platform, config, state = bench
    code, out, _ = await asked(config, state, capsys)
    assert (code, json.loads(out)["code"]) == (1, "enrol.none")
    token = platform.registrar.token(STATION).lower()  # as somebody may type it
    code, out, _ = await asked(
        config, state, capsys, claim=token, ca_file=str(platform.authority.file)
    )
    shown = json.loads(out)
    assert (code, shown["state"], shown["commands"]) == (0, "valid", True)
    assert shown["begins"] < shown["renews"] < shown["ends"]
    code, out, _ = await asked(config, state, capsys, json=False)
    assert code == 0
    assert shown["fingerprint"] in out
    assert shown["ends"] in out


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"claim": "AAAA"}, "enrol.token"),
        ({"claim": "AAAA", "ca_file": None}, "upstream.tls"),
        ({"claim": "AAAA", "ca_file": "nowhere.pem"}, "enrol.no-ca-file"),
        ({"claim": "AAAA", "url": "http://iot.example.cn/"}, "enrol.plain"),
        ({"claim": "AAAA", "url": "ftp://iot.example.cn/"}, "upstream.bad-url"),
        ({"claim": "AAAA", "url": "https://127.0.0.1:1/"}, "upstream.unreachable"),
        ({"claim": "AAAA", "uplink": "city"}, "enrol.no-url"),
    ],
)
async def test_the_command_says_what_is_wrong_and_what_to_do(bench, capsys, given, code):
    platform, config, state = bench
    given = {"ca_file": str(platform.authority.file), **given}
    exit_code, out, _ = await asked(config, state, capsys, **given)
    told = json.loads(out)
    assert (exit_code, told["code"]) == (1, code)
    exit_code, _, err = await asked(config, state, capsys, **given, json=False)
    assert exit_code == 1
    assert told["text"] in err
    assert (told["remedy"] or "") in err


async def test_the_command_points_to_what_the_settings_lack(bench, capsys):
    platform, config, state = bench
    given = {"claim": platform.registrar.token(STATION), "ca_file": str(platform.authority.file)}
    text = (config / "station.toml").read_text("utf-8")
    code, out, _ = await asked(config, state, capsys, **given, json=False)
    assert code == 0
    assert "url =" not in out
    for other in ("https://iot.example.cn", platform.url):  # another host; plain text
        changed = text.replace(platform.tls_url, other)
        (config / "station.toml").write_text(changed, "utf-8")
        code, out, _ = await asked(config, state, capsys, json=False)
        assert code == 0
        assert f'url = "{platform.tls_url}"' in out


@pytest.mark.parametrize("station", [STATION, "balizhuang-02"])
async def test_beside_a_running_station_dates_are_judged_by_its_clock(
    bench, tmp_path, capsys, monkeypatch, station
):
    """It knows that the platform's certificate has ended; another station's word counts not."""
    platform, config, state = bench
    later_ns = wall_now_ns() + 20 * 365 * 86_400 * 1_000_000_000
    clock = {"trust": "platform", "wall_ns": later_ns, "age_s": 1.0, "error_s": 0.1}
    clock["vouched"] = True

    async def vitals(_request: web.Request) -> web.Response:
        return web.json_response({"station": {"id": station}, "clock": clock})

    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    app = web.Application()
    app.add_routes([web.get("/api/v1/vitals", vitals)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / control_socket.NAME)).start()
    try:
        given = {
            "claim": platform.registrar.token(STATION),
            "ca_file": str(platform.authority.file),
        }
        code, out, _ = await asked(config, state, capsys, **given)
        refused = station == STATION
        assert code == refused
        assert json.loads(out).get("code") == (TLS if refused else None)
    finally:
        await runner.cleanup()

"""Coming in and going out, over real TLS: cookies, rotation, idle and absolute ends, PINs, keys."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access import codes
from gateway.access.accounts import PIN_TRIES
from gateway.access.sessions import IDLE_S, WHOLE_S
from gateway.audit import ActResult
from gateway.web.authorization import DESK_COOKIE, FORM_COOKIE, SESSION_COOKIE
from gateway.web.signin.signin_pages import safe_redirect
from tests.access.harness import PASSWORDS, Site, browser, site

STAFF_PAGE = "/desk/record"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        await opened.furnish()
        yield opened


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


async def test_the_first_account_is_made_with_the_claim_code_alone(fresh: Site) -> None:
    code = fresh.access.claim_code
    assert code is not None
    form = {"id": "boss", "name": "王工", "password": PASSWORDS["boss"]}
    async with browser(fresh, plain=True) as reader:
        assert "/signin/claim" in await reader.page("/signin")
        assert (await reader.post("/signin/claim", code="2345-6789-ABCD", **form)).status == 403
        weak = await reader.post(
            "/signin/claim", **{**form, "code": code, "password": "admin123456789"}
        )
        assert weak.status == 400
        assert not fresh.access.claimed
        done = await reader.post("/signin/claim", code=code.lower(), **form)
        assert (done.status, done.headers["Location"]) == (303, "/desk/")
        assert fresh.claims == 1
        assert (await reader.get("/signin/keys")).status == 200
        again = await reader.post("/signin/claim", code=code, **{**form, "id": "thief"})
        assert again.status == 403
    assert fresh.access.claim_code is None
    assert not (fresh.folder / "keys" / "claim.key").exists()
    assert [account.id for account in fresh.keys.all()] == ["boss"]


async def test_two_claims_at_once_make_one_account(fresh: Site) -> None:
    code = fresh.access.claim_code
    assert code is not None
    claims = [
        fresh.access.claim(code, id_, id_, PASSWORDS["boss"], fresh.place(f"10.0.0.{n}"))
        for n, id_ in enumerate(("one", "two", "three"))
    ]
    answers = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert len(fresh.keys.all()) == 1


async def test_cookies_are_set_so_that_nobody_else_gets_them(made: Site) -> None:
    async with browser(made) as reader:
        answer = await reader.enter("zhang")
        assert answer.status == 303
        told = {line.split("=")[0]: line for line in answer.headers.getall("Set-Cookie")}
        for name in (SESSION_COOKIE, DESK_COOKIE):
            assert name.startswith("__Host-")
            for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
                assert part in told[name]
            assert "Domain" not in told[name]
        assert len(reader.token) >= 43, "256 bits"


async def test_nothing_that_opens_anything_is_stored_as_it_is(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        secrets = [reader.token, reader.desk, *PASSWORDS.values()]
    kept = b"".join((await made.journal.load("access")).values()) + b"".join(await made.events())
    for path in made.folder.glob("journal.db*"):
        kept += path.read_bytes()
    assert [secret for secret in secrets if secret.encode() in kept] == []


async def test_a_planted_session_never_becomes_somebodys(made: Site) -> None:
    async with browser(made) as reader:
        planted = "x" * 43
        reader.keep(SESSION_COOKIE, planted)
        assert (await reader.enter("zhang")).status == 303
        assert reader.token != planted
        assert made.access.identify(planted) is None


async def test_a_token_changes_at_every_sign_in_and_the_former_ends(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        first = reader.token
        await reader.enter("zhang")
        assert reader.token != first
        assert made.access.identify(first) is None
        second = reader.token
        changed = await reader.post(
            "/signin/password", old=PASSWORDS["zhang"], password="quiet river lantern"
        )
        assert changed.status == 303
        assert made.access.identify(second) is None
        assert made.access.identify(reader.token) is not None
        assert (await reader.get(STAFF_PAGE)).status == 200


async def test_a_token_used_after_signing_out_opens_nothing(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        stolen = reader.token
        assert (await reader.get(STAFF_PAGE)).status == 200
        assert (await reader.post("/signin/out")).status == 303
        assert reader.token == ""
        reader.keep(SESSION_COOKIE, stolen)
        assert (await reader.get(STAFF_PAGE)).status == 401
        assert (await reader.post("/signin/out")).status == 401


async def test_a_stream_ends_with_the_session_that_it_was_opened_by(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        stream = await reader.get("/api/v1/events?pulse=desk&lanes=")
        assert stream.status == 200
        await stream.content.readuntil(b"event: pulse")
        await made.keys.disable(made.access.identify(reader.token).who, made.place(), "zhang")
        rest = await stream.content.read()
        assert rest.count(b"event: pulse") <= 2


async def test_idle_locks_and_a_shift_ends(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        made.clock.advance(IDLE_S - 5)
        assert (await reader.get(STAFF_PAGE)).status == 200
        made.clock.advance(IDLE_S + 1)
        locked = await reader.get(STAFF_PAGE)
        assert locked.status == 401
        assert (await locked.json())["code"] == "web.locked"
        assert (await reader.get("/desk/")).status == 200, "the board does not go dark"
        assert (await reader.post("/desk/clock", at="2026-11-23T14:05")).status == 401
        made.clock.advance(WHOLE_S)
        assert (await reader.get("/api/v1/vitals")).status == 401


async def test_looking_at_a_stream_is_no_press(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        made.clock.advance(IDLE_S - 5)
        (await reader.get("/api/v1/events?lanes=")).close()
        made.clock.advance(10)
        assert (await reader.get(STAFF_PAGE)).status == 401


async def test_a_pin_goes_on_at_its_own_computer_and_only_for_quick_things(made: Site) -> None:
    async with browser(made) as reader, browser(made) as elsewhere:
        await reader.enter("boss")
        assert (
            await reader.post("/signin/pin", pin="1111", password=PASSWORDS["boss"])
        ).status == 400
        assert (
            await reader.post("/signin/pin", pin="4826", password="not the password")
        ).status == 401
        assert (
            await reader.post("/signin/pin", pin="4826", password=PASSWORDS["boss"])
        ).status == 200
        made.clock.advance(IDLE_S + 1)
        before = reader.token
        assert (await reader.post("/signin/unlock", id="boss", pin="4826")).status == 303
        assert reader.token != before
        assert made.access.identify(before) is None
        assert (await reader.get(STAFF_PAGE)).status == 200
        assert (await reader.get("/signin/keys")).status == 403, "not for wiring and accounts"
        assert (await elsewhere.post("/signin/unlock", id="boss", pin="4826")).status == 403


async def test_a_pin_that_is_guessed_is_gone(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("zhang")
        await reader.post("/signin/pin", pin="4826", password=PASSWORDS["zhang"])
        await reader.post("/signin/out")
        for n in range(PIN_TRIES):
            made.clock.advance(900)
            assert (await reader.post("/signin/unlock", id="zhang", pin=f"35{n}7")).status == 403
        made.clock.advance(900)
        refused = await reader.post("/signin/unlock", id="zhang", pin="4826")
        assert refused.status == 403
        assert (await reader.enter("zhang")).status == 303


async def test_a_one_time_code_sets_a_password_once(made: Site) -> None:
    async with browser(made) as boss, browser(made) as new:
        await boss.enter("boss")
        page = await (
            await boss.post("/signin/keys/add", id="0221", name="赵敏", role="staff")
        ).text()
        code = page.split('class="x4 nb">')[1].split("<")[0]
        form = {"id": "0221", "password": "green mountain tea"}
        assert (await new.post("/signin/enter", **form)).status == 401
        assert (await new.post("/signin/first", code="2345-2345-2345", **form)).status == 403
        assert (await new.post("/signin/first", code=code, **form)).status == 303
        assert (await new.get(STAFF_PAGE)).status == 200
        assert (await new.post("/signin/first", code=code, **form)).status == 403
        code = await made.keys.reset(made.access.identify(boss.token).who, made.place(), "0221")
        assert (await new.get(STAFF_PAGE)).status == 401, "a reset ends what was signed in"
        made.clock.advance(24 * 3600 + 1)
        assert (await new.post("/signin/first", code=code, **form)).status == 403, "too late"


async def test_a_form_that_is_refused_keeps_the_id_and_no_secret(made: Site) -> None:
    async with browser(made) as reader:
        page = await (await reader.enter("zhang", "not the right one")).text()
        assert page.count('value="zhang"') == 2, "where one signs in, and where one sets a password"
        assert "not the right one" not in page
        wrong = {"id": "zhang", "password": "nor this one", "next": "/desk/record?who=zhang"}
        again = await (await reader.post("/signin/enter", **wrong)).text()
        assert 'name="next" value="/desk/record?who=zhang"' in again, "nor where they were going"
        odd = await (await reader.enter('"><b>x', "not the right one")).text()
        assert "<b>x" not in odd


async def test_the_switches_lead_to_the_page_itself(made: Site) -> None:
    async with browser(made) as reader:
        page = await reader.page("/signin?next=%2Fdesk%2Frecord%3Fwho%3Dzhang&lang=en")
        assert 'href="/signin?next=%2Fdesk%2Frecord%3Fwho%3Dzhang&amp;lang=zh"' in page
        assert 'href="/signin?next=%2Fdesk%2Frecord%3Fwho%3Dzhang&amp;night=on"' in page
        form = {"form": codes.form_token(reader.cookie(FORM_COOKIE)), "id": "x", "password": "y"}
        for came, leads in (
            (f"{reader.base}/signin?next=%2Fdesk%2F", "/signin?next=%2Fdesk%2F&amp;lang=zh"),
            ("https://evil.example/signin", "/desk/?lang=zh"),
            (f"{reader.base}//evil.example/", "/desk/?lang=zh"),
            ("https://[", "/desk/?lang=zh"),
            ("", "/desk/?lang=zh"),
        ):
            answer = await reader.session.post(
                reader.base + "/signin/enter?lang=en",
                data=form,
                headers={"Origin": reader.base, "Accept": "text/html", "Referer": came},
            )
            assert f'href="{leads}"' in await answer.text(), came


async def test_what_takes_a_key_away_asks_first(made: Site) -> None:
    async with browser(made) as boss:
        await boss.enter("boss")
        page = await boss.page("/signin/keys")
        for what in ("reset", "disable"):
            assert f'action="/signin/keys/zhang/{what}"' not in page
            asked = await boss.page(f"/signin/keys?ask={what}&id=zhang")
            assert asked.count(f'action="/signin/keys/zhang/{what}"') == 1
            assert "这是您自己" not in asked
            assert "这是您自己" in await boss.page(f"/signin/keys?ask={what}&id=boss")
        for odd in ("ask=reset&id=nobody", "ask=role&id=zhang", "ask=reset", "id=zhang"):
            assert 'id="ask"' not in await boss.page(f"/signin/keys?{odd}")


async def test_a_key_that_is_taken_away_opens_nothing_from_then_on(made: Site) -> None:
    async with browser(made) as boss, browser(made) as staff:
        await boss.enter("boss")
        await staff.enter("zhang")
        assert (await boss.post("/signin/keys/zhang/disable")).status == 200
        assert (await staff.get(STAFF_PAGE)).status == 401
        assert (await staff.enter("zhang")).status == 401
        assert (await boss.post("/signin/keys/zhang/enable")).status == 200
        made.clock.advance(60)
        assert (await staff.enter("zhang")).status == 303
        assert (await boss.post("/signin/keys/zhang/role", role="viewer")).status == 200
        made.clock.advance(60)
        await staff.enter("zhang")
        assert (await staff.get(STAFF_PAGE)).status == 403
        last = await boss.post("/signin/keys/boss/disable")
        assert last.status == 400, "the last installer stays"
        assert (await boss.post("/signin/keys/boss/role", role="staff")).status == 400


async def test_everything_lasts_over_a_restart_of_the_process(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        async with browser(made) as reader:
            await reader.enter("zhang")
            token, desk = reader.token, reader.desk
    async with site(tmp_path) as made, browser(made) as reader:
        reader.keep(SESSION_COOKIE, token)
        assert (await reader.get(STAFF_PAGE)).status == 200
        assert [known.account for known in made.access.remembered_users(desk)] == ["zhang"]
        assert (await made.proof()).broken is None


async def test_every_press_leaves_one_act_and_the_chain_holds(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("guest", "a wrong password")
        await reader.enter("boss")
        await reader.post("/signin/keys/add", id="0221", name="赵敏", role="staff")
        await reader.post("/signin/keys/add", id="0221", name="赵敏", role="staff")
        await reader.post("/desk/clock", at="2026-11-23T14:05")
        await reader.post("/desk/clock", at="when the cock crows")
        await reader.post("/signin/out")
    told = [(p.act.who.id, p.act.what, p.act.on, p.act.result) for p in await made.acts(7)]
    assert list(reversed(told)) == [
        ("", "signin/enter", "guest", ActResult.REFUSED),
        ("boss", "signin/enter", "", ActResult.DONE),
        ("boss", "keys/add", "0221", ActResult.DONE),
        ("boss", "keys/add", "0221", ActResult.REFUSED),
        ("boss", "clock/answer", "2026-11-23T14:05", ActResult.DONE),
        ("boss", "clock/answer", "when the cock cr", ActResult.REFUSED),
        ("boss", "signin/out", "", ActResult.DONE),
    ]
    assert (await made.proof()).broken is None


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/desk/record?who=a", "/desk/record?who=a"),
        ("//evil.example", ""),
        ("/\\evil.example", ""),
        ("https://evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("desk", ""),
        ("/\r\nSet-Cookie: a=b", ""),
        ("/" + "x" * 500, ""),
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(path: str, kept: str) -> None:
    assert safe_redirect(path) == kept

"""The desk: order of what needs a person, the question about the time, acts in words."""

import datetime
import re
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import ActEventData, Actor, ActOrigin, ActResult
from gateway.audit.act_history import PastAct
from gateway.clock import ClockStatus
from gateway.desk import audit_page, clock_question, need_order
from gateway.doctor.section import HERE
from gateway.errors import UsageError
from gateway.event import Event, Trust
from gateway.texts import LANGUAGES
from gateway.upstream.inbox.events import COMMAND_RECEIPT, ReceiptEventData
from gateway.web.i18n import CATALOGUES
from gateway.web.section import Card, Need, Section
from gateway.web.server import ROUTES
from tests.access.composed import composed
from tests.access.harness import Site, browser, site
from tests.web.station import NORMAL, STATES, WALL_NS, replace

ZH = CATALOGUES["zh"]
DOCTOR = HERE / "pages"
UNSET = ClockStatus(Trust.NONE, None, 0, float("inf"), WALL_NS)


def need(key: str, urgency: int, amount: int = 0) -> Need:
    return Need(key=key, urgency=urgency, hue="is-fix", pictogram="plug", amount=amount, unit="",
                title=key, text="")  # fmt: skip


def card(*rows: Need, urgency: int = 0) -> Card:
    return Card("x.html", lambda _: urgency, lambda _v, _w: {}, lambda _v, _w: rows)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 99)), max_size=60))
def test_the_most_urgent_stands_first_and_only_an_emergency_is_red(rows) -> None:
    cards = [card(need(f"n{i}", urgency, amount)) for i, (urgency, amount) in enumerate(rows)]
    found = need_order.needs_in_order(cards, NORMAL, ZH)
    assert len(found) == min(len(rows), need_order.ROWS_MAX)
    assert [(-n.urgency, n.amount) for n in found] == sorted((-n.urgency, n.amount) for n in found)
    hot = need_order.red_row_key(found)
    assert hot == (found[0].key if any(u == 4 for u, _ in rows) else "")


def test_cards_stand_by_urgency_and_equals_as_they_came() -> None:
    cards = {"a": card(urgency=0), "b": card(urgency=2), "c": card(urgency=0), "d": card(urgency=1)}
    assert need_order.cards_by_urgency(cards, NORMAL) == ["b", "d", "a", "c"]


def test_the_question_is_asked_only_while_nothing_has_set_the_clock() -> None:
    for trust in set(Trust) - {Trust.NONE}:
        status = ClockStatus(trust, WALL_NS, 1, 0.1, WALL_NS)
        assert not clock_question.clock_question(status, "Asia/Shanghai").asked
    asked = clock_question.clock_question(UNSET, "Asia/Shanghai")
    assert (asked.clock, asked.at, asked.hour_deg, asked.minute_deg) == (
        "14:05", "2026-11-23T14:05", 62.5, 30,
    )  # fmt: skip
    blank = clock_question.clock_question(
        ClockStatus(Trust.NONE, None, 0, float("inf")), "Asia/Shanghai"
    )
    assert (blank.asked, blank.at) == (True, "")


@pytest.mark.parametrize(
    ("doubt", "why"),
    [
        ("floor", "desk.ask-behind"),
        ("sources", "desk.ask-disputed"),
        ("order", "desk.ask-order"),
    ],
)
def test_the_question_is_asked_too_where_a_person_can_settle_a_doubt(doubt, why) -> None:
    status = ClockStatus(Trust.PLATFORM, WALL_NS, 1, 0.1, None, doubt=doubt)
    asked = clock_question.clock_question(status, "Asia/Shanghai")
    assert (asked.asked, asked.at, asked.why) == (True, "2026-11-23T14:05", why)
    assert why in ZH


async def test_an_answer_that_agrees_with_the_platform_ends_a_wrong_floor(tmp_path: Path) -> None:
    """Without it every order counts as expired, and a file would have to be deleted by hand."""
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        made.vitals = replace(NORMAL, clock=STATES["waiting"]().clock)
        right_ns = made.clock.stamp().wall_ns or WALL_NS
        for source, off_ns in ((Trust.METER, 0), (Trust.PLATFORM, 0), (Trust.NTP, 0)):
            made.clock.learn(source, right_ns + 400 * 86_400 * 10**9 + off_ns, 10**9)
        high_ns = made.clock.floor_ns
        assert high_ns > right_ns
        made.clock.learn(Trust.PLATFORM, right_ns, 10**9)
        made.clock.learn(Trust.NTP, right_ns, 10**9)
        await reader.enter("zhang")
        assert "驿站有更晚的时间记录" in await reader.page("/desk/")
        asked = clock_question.clock_question(made.clock.status(), "Asia/Shanghai")
        assert (await reader.post("/desk/clock", at=asked.at)).status == 303
        assert made.clock.floor_ns <= right_ns + 60 * 10**9
        assert "驿站有更晚的时间记录" not in await reader.page("/desk/")


@given(st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2099, 1, 1)))  # noqa: DTZ001  # local, as a person says it
def test_an_answer_is_the_minute_that_was_named(moment: datetime.datetime) -> None:
    wall_ns = clock_question.parse_answer(moment.strftime("%Y-%m-%dT%H:%M"), "Asia/Shanghai")
    true_ns = int((moment - datetime.datetime(1970, 1, 1, 8)).total_seconds()) * 10**9  # noqa: DTZ001  # UTC+8
    assert abs(wall_ns - true_ns) <= clock_question.HALF_MINUTE_NS <= clock_question.ANSWER_ERROR_NS


@given(st.text(max_size=40))
def test_what_is_no_time_is_refused(text: str) -> None:
    if not re.match(r"\d{4}-\d{2}-\d{2}T", text):
        with pytest.raises(UsageError, match=r"desk\.bad-time"):
            clock_question.parse_answer(text, "Asia/Shanghai")


async def test_an_answer_becomes_a_source_of_the_clock_with_a_name(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        made.vitals = replace(NORMAL, clock=STATES["waiting"]().clock)
        await reader.enter("zhang")
        page = await reader.page("/desk/")
        asked = clock_question.clock_question(made.clock.status(), "Asia/Shanghai")
        assert f"现在是 {asked.clock} 吗？" in page
        assert (await reader.post("/desk/clock", at="1999-01-01T00:00")).status == 400
        assert made.clock.status().trust is Trust.NONE, "an impossible time is no answer"
        assert (await reader.post("/desk/clock", at=asked.at)).status == 303
        status = made.clock.status()
        assert status.trust is Trust.PERSON
        assert status.error_s >= 60
        assert made.steps[-1] is not None
        assert made.steps[-1].source is Trust.PERSON
        past = (await made.acts(1))[0]
        assert (past.act.what, past.act.who.id, past.act.on) == ("clock/answer", "zhang", asked.at)
        page = await reader.page("/desk/record")
        assert "报时间" in page
        assert "张丽 zhang" in page


async def test_who_may_not_act_is_not_offered_to(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as guest, browser(made, plain=True) as local:
        await made.furnish()
        made.vitals = STATES["waiting"]()
        await guest.enter("guest")
        for reader in (guest, local):
            page = await reader.page("/desk/")
            assert 'action="/desk/clock"' not in page
            assert "/desk/record" not in page


async def test_lost_storage_stands_first(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        made.vitals = STATES["volatile"]()
        await reader.enter("zhang")
        main = (await reader.page("/desk/")).split("<main")[1]
        assert main.index("存储坏了") < main.index("现在要人")
        assert "平台已收到" not in main


def broken(*_given: object) -> Any:
    raise KeyError("secret")


WELL = Card(
    "", lambda _: 0, lambda _v, _w: {"first": "好的", "mark": ("ok", "s-ok", "正常"), "remedy": ""},
    lambda _v, _w: (need("well", 1),), beside="doctor/card.html",
)  # fmt: skip


class Broken(Site):
    """A station, one of whose rooms cannot say how it is; `how` is where it fails."""

    how: ClassVar[dict[str, Any]] = {}

    def wings(self) -> list[Section]:
        return [
            Section(name="doctor", routes=(), templates=DOCTOR, card=WELL),
            Section(name="ill", routes=(), card=replace(WELL, **self.how)),
        ]


@pytest.mark.parametrize(
    ("how", "shown"),
    [({"facts": broken}, True), ({"needs": broken}, False), ({"urgency": broken}, False),
     ({"facts": lambda _v, _w: {"none": "of them"}}, True)],
    ids=["facts", "needs", "urgency", "template"],
)  # fmt: skip
async def test_one_rooms_mistake_costs_its_own_card(
    how: dict[str, Any], shown: bool, tmp_path: Path
) -> None:
    kind = type("Broken", (Broken,), {"how": how})
    async with site(tmp_path, kind=kind) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        page = await reader.page("/desk/")
        assert ("这一块显示不出来" in page) is shown
        assert "好的" in page
        assert "secret" not in page
    assert {fault.where for fault in made.faults.all()} == {"desk.ill"}


async def test_the_record_is_filtered_and_paged_newest_first(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        for n in range(70):
            who, result = (
                Actor("staff", "guest"),
                ActResult.FAILED if n % 30 == 0 else ActResult.DONE,
            )
            await made.ledger.record(who, "settings/apply", on=f"n{n}", result=result)
        first = await reader.page("/desk/record")
        assert first.index("n69<") < first.index("n68<")
        assert "n20<" in first
        assert "n19<" not in first
        older = first.split('href="?before=')[1].split("&")[0]
        assert "n19<" in await reader.page(f"/desk/record?before={older}")
        failed = await reader.page("/desk/record?who=guest&group=settings&result=failed")
        assert [n for n in range(70) if f"n{n}<" in failed] == [0, 30, 60]
        assert "没有这样的记录" in await reader.page("/desk/record?who=nobody")
        assert (await reader.get("/desk/record?before=x")).status == 400


async def test_a_flood_of_other_entries_hides_no_act(tmp_path: Path) -> None:
    """Ten thousand receipts between two acts and after the last one; before and after a restart."""

    async def flood(made: Site) -> None:
        stamps, receipt = made.clock.stamp(), ReceiptEventData("c-1", "refused", "inbox.forged")
        refused = Event(kind=COMMAND_RECEIPT, source="upstream", stamps=stamps, data=receipt)
        for _ in range(50):
            await made.journal.append([refused] * 200)

    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        await flood(made)
        await made.ledger.record(Actor("staff", "zhang"), "settings/apply", on="later")
        await flood(made)
        page = await reader.page("/desk/record")
        assert page.index("later<") < page.index("<td>登录"), "and what was before them"
        assert "later<" in await reader.page("/desk/"), "the latest on the first screen"
    async with site(tmp_path) as made, browser(made) as reader:
        await reader.enter("zhang")
        assert "later<" in await reader.page("/desk/record")


ZONE = "Asia/Shanghai"


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_act_in_words(language: str) -> None:
    words = CATALOGUES[language]
    act = ActEventData(7, "0" * 64, "keys/disable", ActResult.REFUSED, Actor("installer", "boss"),
              ActOrigin("10.0.0.7", "abcd1234"), "zhang", "access.last-installer", 3)  # fmt: skip
    row = audit_page.act_row(
        PastAct(9, act, None, "none", "b", 90_000), {"boss": "王工", "zhang": "张丽"}, words, ZONE
    )
    assert (row.who, row.on, row.where) == ("王工 boss", "张丽", "10.0.0.7 · abcd1234")
    here = msgspec.structs.replace(act, place=ActOrigin("::1"))
    near = audit_page.act_row(PastAct(9, here, None, "none", "b", 90_000), {}, words, ZONE)
    assert near.where == words("desk.at-machine")
    assert row.what == words("act.keys-disable")
    assert row.why == f"{words('access.last-installer')} {words('desk.alike', n=3)}"
    assert row.when == words("desk.since-boot", span=words.span(90))
    timed = PastAct(9, act, "2026-03-14T23:30:05.900+00:00", "ntp", "b", 90_000)
    assert audit_page.act_row(timed, {}, words, ZONE).when == "03-15 07:30:05"


async def test_every_act_of_the_application_has_a_word(tmp_path: Path) -> None:
    async with composed(tmp_path) as made:
        acts = {route.act for route in made.app[ROUTES] if route.method != "GET"}
    assert "" not in acts
    for words in CATALOGUES.values():
        assert [act for act in acts if f"act.{act.replace('/', '-')}" not in words] == []

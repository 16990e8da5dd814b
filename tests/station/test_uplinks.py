"""Several platforms: who is asked, in which order, and what one that cannot be used costs."""

import asyncio
import contextlib
import json
import random
from typing import ClassVar

import pytest

from gateway.demo.platform.command_issuer import rfc3339, uuid7
from gateway.errors import SettingsError
from gateway.event import Lane, Trust
from gateway.upstream.connections import Uplinks
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import (
    Delivery,
    DeliveryReceipt,
    EventBatch,
    PollAnswer,
    PollPosition,
    QueryRefused,
    QueryReply,
)
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.kind import UplinkContext
from kiosk.request_types.ride.dispatch import NO_ROAD
from kiosk.request_types.ride.routes import PlatformRoute
from tests.sim.loop import START_S, MachineLoop, simulated
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import STATION, MemoryJournal
from tests.upstream.test_inbox import HAND, NOW_MS, Bell, signed

DISTRICT = HttpOptions(url="http://127.0.0.1:1", commands=False)
CITY = HttpOptions(url="http://127.0.0.1:2", commands=False, required=False)
MOVED = HttpOptions(url="http://127.0.0.1:3", commands=False)


class Platform:
    """Answers everything, under the address by which it was opened."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        upto = {entry.lane.wire: entry.seq for entry in batch.entries}
        return Delivery(DeliveryReceipt(batch.epoch, upto, at="2026-11-23T06:05:03.412Z"), 1)

    async def ask(self, _message: bytes, _deadline_ns: int) -> QueryReply:
        return QueryReply(self.url.encode())

    async def commands(self, _since: PollPosition, wait_s: float) -> PollAnswer:
        await asyncio.sleep(wait_s)
        return PollAnswer([])

    async def close(self) -> None:
        await asyncio.sleep(0.5)


class Made:
    """Uplinks over a journal in memory; `broken` raises in place of opening that address."""

    broken: ClassVar[dict[str, Exception]] = {}

    def __init__(self, tmp_path) -> None:
        self.faults: list[str] = []
        self.learnt: set[str] = set()
        self.uplinks = Uplinks(
            STATION,
            tmp_path,
            loop_clock(),
            MemoryJournal(),
            lambda name, _at, _took_ns: self.learnt.add(name),
            on_fault=lambda where, _error: self.faults.append(where),
            open_uplink=self.open_uplink,
        )
        self.road = PlatformRoute(lambda: self.uplinks, self.uplinks._clock)

    def open_uplink(self, context: UplinkContext) -> Platform:
        url = context.options.url
        if url in self.broken:
            raise self.broken[url]
        if url.startswith("https:"):
            context.make_tls()
        return Platform(url)

    def states(self) -> dict[str, tuple[str, str | None]]:
        vitals = [sender.vitals for sender in self.uplinks.senders]
        return {each.name: (each.state, each.code) for each in vitals}

    async def asked(self, holder: str = "") -> str | QueryRefused:
        answer = await self.road.ask(b"{}", 2**63, holder)
        return answer.body.decode() if isinstance(answer, QueryReply) else answer


@contextlib.asynccontextmanager
async def opened(tmp_path, **uplinks: HttpOptions):
    made = Made(tmp_path)
    made.uplinks.open(uplinks)
    made.uplinks.start()
    try:
        yield made
    finally:
        await made.uplinks.close()


@simulated
async def test_the_inboxes_of_all_uplinks_know_of_each_other(tmp_path):
    made = Made(tmp_path)
    made.uplinks.open(
        {"district": HttpOptions(url=DISTRICT.url), "city": HttpOptions(url=CITY.url)}
    )
    inboxes = {name: line.inbox for name, line in made.uplinks._lines.items()}
    assert inboxes["district"].siblings.others() == [inboxes["city"].siblings]
    assert inboxes["city"].siblings.others() == [inboxes["district"].siblings]
    await made.uplinks.reopen("city")
    again = made.uplinks._lines["city"].inbox
    assert inboxes["district"].siblings.others() == [again.siblings]
    await made.uplinks.close()


def ordered(number: int, kind: str = "bell", **data: str) -> bytes:
    """A signed command that lives for an hour."""
    return signed(
        {
            "id": uuid7(NOW_MS + number),
            "kind": kind,
            "station": STATION,
            "issued": rfc3339(NOW_MS),
            "expires": rfc3339(NOW_MS + 3_600_000),
            "data": data,
        }
    )


class SlowJournal(MemoryJournal):
    """Loads as a slow card does; with `broken` nobody follows it."""

    broken = False

    async def load(self, room: str) -> dict[str, bytes]:
        await asyncio.sleep(0.2)
        return await super().load(room)

    def follower(self, name: str, *, retaining: bool):
        if self.broken:
            raise KeyError(name)
        return super().follower(name, retaining=retaining)


class Twins(Made):
    """Two uplinks to the platform of `HAND`, and a bell that both may ring."""

    settings: ClassVar = {
        "district": HttpOptions(url=DISTRICT.url, command_key=HAND.public),
        "city": HttpOptions(url=CITY.url, command_key=HAND.public),
    }

    def __init__(self, tmp_path) -> None:
        super().__init__(tmp_path)
        self.rung = 0
        self.hold: asyncio.Event | None = None
        self.journal = self.uplinks._journal = SlowJournal()
        bell = CommandKind("bell", Bell, self.ring, cancellable=True)
        self.uplinks._kinds_of = lambda _: [bell]

    async def ring(self, _bell: Bell, _mandate: object) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self.rung += 1

    def inbox(self, name: str) -> Inbox | None:
        line = self.uplinks._lines.get(name)
        return None if line is None else line.inbox

    def knows(self, name: str) -> bool:
        inbox = self.inbox(name)
        return inbox is not None and inbox.siblings.loaded.is_set()

    def ends(self) -> dict[str, tuple[str, str | None]]:
        """What the last receipt of each command says."""
        entries = self.journal.lanes[Lane.SERVICE]
        receipts = [json.loads(b"{" + each.body)["data"] for each in entries]
        return {r["of"]: (r["state"], r.get("reason_code")) for r in receipts}


def with_twins(tmp_path, test) -> None:
    """`test(made, acting)` in virtual time, where keys are prepared in threads."""

    async def main() -> None:
        made = Twins(tmp_path)
        made.uplinks.open(made.settings)
        made.uplinks.start()
        await until(lambda: made.knows("district") and made.knows("city"))
        async with asyncio.TaskGroup() as acting:
            await test(made, acting)
        await made.uplinks.close()

    with asyncio.Runner(loop_factory=lambda: MachineLoop(START_S, random.Random(1))) as runner:
        runner.run(main())


def test_what_an_uplink_did_is_known_while_it_is_reopened(tmp_path):
    async def reopened(made: Twins, acting: asyncio.TaskGroup) -> None:
        commands = [ordered(number) for number in range(200)]
        for command in commands:
            await made.inbox("district").handle_command(command, acting)
        await until(lambda: made.rung == len(commands))
        moved = {
            **made.settings,
            "district": HttpOptions(url=MOVED.url, command_key=HAND.public),
        }
        again, closed, loading = iter(commands), 0, 0
        for changing in (
            made.uplinks.reopen("district"),
            made.uplinks.change(moved),
            made.uplinks.reopen("district"),
        ):
            change = asyncio.ensure_future(changing)
            await asyncio.sleep(0)
            while not (change.done() and made.knows("district")):
                closed += made.inbox("district") is None
                loading += made.inbox("district") is not None and not made.knows("district")
                await made.inbox("city").handle_command(next(again), acting)
                await asyncio.sleep(0.05)
            await change
        assert min(closed, loading) > 20
        made.journal.broken = True
        await made.uplinks.reopen("district")  # it cannot be put together
        await made.inbox("city").handle_command(next(again), acting)
        made.journal.broken = False
        await made.uplinks.reopen("district")
        await made.inbox("city").handle_command(next(again), acting)
        await asyncio.sleep(1)
        assert made.rung == len(commands)
        await made.uplinks.change({"city": made.settings["city"]})
        assert made.inbox("city").siblings.others() == []

    with_twins(tmp_path, reopened)


@pytest.mark.parametrize(("after_s", "made_anew"), [(0.1, False), (0.6, True)])
def test_a_cancel_is_not_promised_by_an_uplink_that_is_being_reopened(tmp_path, after_s, made_anew):
    async def cancelled(made: Twins, acting: asyncio.TaskGroup) -> None:
        made.hold = asyncio.Event()
        command = ordered(1)
        bell = json.loads(command)["id"]
        cancel = ordered(2, "command.cancel", of=bell)
        await made.inbox("district").handle_command(command, acting)
        acted = made.inbox("district")._executor._acting[bell]
        reopening = asyncio.ensure_future(made.uplinks.reopen("district"))
        acted.cancel()  # as the inbox's own tasks are
        await asyncio.sleep(after_s)
        assert not made.knows("district")
        assert (made.inbox("district") is not None) is made_anew
        await made.inbox("city").handle_command(cancel, acting)
        await reopening
        await until(lambda: made.knows("district"))
        await asyncio.sleep(1)
        assert made.ends() == {
            bell: ("failed", "inbox.interrupted"),
            json.loads(cancel)["id"]: ("failed", "inbox.unknown-command"),
        }

    with_twins(tmp_path, cancelled)


@simulated
async def test_the_order_is_that_of_the_settings_whatever_is_opened_anew(tmp_path):
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        assert await made.asked() == DISTRICT.url
        await made.uplinks.reopen("district")
        assert (made.road.holder, await made.asked()) == ("district", DISTRICT.url)
        await made.uplinks.change({"district": MOVED, "city": CITY})
        assert (made.road.holder, await made.asked()) == ("district", MOVED.url)
        assert list(made.states()) == ["district", "city"]
        await made.uplinks.change({"city": CITY, "district": MOVED})
        assert made.road.holder == "city"


@simulated
async def test_whoever_was_asked_is_asked_again_and_nobody_in_its_place(tmp_path):
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        await made.uplinks.change({"city": CITY, "district": DISTRICT})
        assert await made.asked("district") == DISTRICT.url
        await made.uplinks.change({"city": CITY})
        assert await made.asked("district") == QueryRefused(NO_ROAD)
        assert await made.asked() == CITY.url


@simulated
async def test_an_uplink_that_is_being_reopened_is_not_gone(tmp_path):
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        reopening = asyncio.ensure_future(made.uplinks.reopen("district"))
        await asyncio.sleep(0.2)
        assert made.uplinks.connection("district") is None
        assert await made.asked("district") == QueryRefused("upstream.unreachable")
        assert await made.asked() == QueryRefused("upstream.unreachable")
        await reopening
        assert await made.asked("district") == DISTRICT.url


@simulated
async def test_new_papers_and_other_settings_at_once_leave_what_the_settings_say(tmp_path):
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        await asyncio.gather(
            made.uplinks.reopen("district"),
            made.uplinks.change({"city": CITY}),
            made.uplinks.reopen("district"),
            made.uplinks.reopen("city"),
            made.uplinks.change({"city": CITY, "district": MOVED}),
            made.uplinks.reopen("district"),
        )
        assert list(made.states()) == ["city", "district"]
        assert await made.asked("district") == MOVED.url
        assert made.faults == []


CREDENTIAL = SettingsError("upstream.credential-missing", name="d", path="/keys/d")
CERTIFICATE = FileNotFoundError(2, "No such file or directory")


@simulated
async def test_a_change_to_an_uplink_that_cannot_be_opened_is_said_and_can_be_taken_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(Made, "broken", {MOVED.url: CREDENTIAL})
    async with opened(tmp_path, district=DISTRICT) as made:
        for after in ({"district": MOVED}, {"district": DISTRICT, "city": MOVED}):
            with pytest.raises(SettingsError, match="credential-missing"):
                await made.uplinks.change(after)
            assert list(made.states()) == list(after)
            await made.uplinks.change({"district": DISTRICT})
            await until(lambda: made.states() == {"district": ("up", None)})
    async with opened(tmp_path, district=MOVED) as made:
        await made.uplinks.change({"city": CITY, "district": MOVED})  # it was shut before
        await until(lambda: made.states()["city"] == ("up", None))


@pytest.mark.parametrize(
    ("error", "code", "faults"),
    [
        (CREDENTIAL, "upstream.credential-missing", 0),
        (CERTIFICATE, "upstream.unopened", 0),
        (KeyError("secret"), "upstream.unopened", 1),
    ],
)
@simulated
async def test_what_cannot_be_opened_is_refused_alone_until_it_can(
    tmp_path, monkeypatch, error, code, faults
):
    monkeypatch.setattr(Made, "broken", {DISTRICT.url: error})
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        await until(lambda: made.states()["city"] == ("up", None))
        assert made.states()["district"] == ("refused", code)
        assert await made.asked("district") == QueryRefused(code)
        await asyncio.sleep(600)
        assert made.faults == ["uplink.district"] * faults
        made.broken.clear()
        await until(lambda: made.states()["district"] == ("up", None), within_s=120)
        assert made.learnt == {"district", "city"}


@simulated
async def test_an_uplink_that_cannot_even_be_put_together_is_refused_until_it_can(
    tmp_path, monkeypatch
):
    broken = True

    def failing(journal, name: str, *, retaining: bool):
        if name == "district" and broken:
            raise KeyError(name)
        return follower(journal, name, retaining=retaining)

    follower = MemoryJournal.follower
    monkeypatch.setattr(MemoryJournal, "follower", failing)
    async with opened(tmp_path, district=DISTRICT, city=CITY) as made:
        refused = {"district": ("refused", "upstream.fault"), "city": ("up", None)}
        await until(lambda: made.states() == refused)
        assert list(made.states()) == ["district", "city"]
        assert made.faults == ["uplink.district"]
        assert await made.asked("district") == QueryRefused("upstream.unreachable")
        await made.uplinks.change({"district": MOVED, "city": CITY})
        assert made.states() == refused
        await made.uplinks.change({"city": CITY})
        with pytest.raises(SettingsError, match=r"upstream\.fault"):
            await made.uplinks.change({"district": MOVED, "city": CITY})
        broken = False
        await made.uplinks.reopen("district")
        await until(lambda: made.states()["district"] == ("up", None))
        assert len(made.uplinks.senders) == 2


@simulated
async def test_a_doubtful_certificate_is_counted_once_and_told_of_its_uplink(tmp_path):
    made, counted = Made(tmp_path), []
    made.uplinks._count = lambda where, what: counted.append((where, what))
    secure = HttpOptions(url="https://127.0.0.1:1", commands=False)
    made.uplinks.open({"district": secure, "city": CITY})
    made.uplinks.start()
    await asyncio.sleep(1)
    made.uplinks._clock.learn(Trust.PLATFORM, 1_790_000_000 * 10**9, 0, "district")
    tls = made.uplinks._lines["district"].tls()
    for year in (2025, 2025, 2027, 2025):  # it is September 2026
        ends = f"Jan  1 00:00:00 {year} GMT"
        tls._judge({"notBefore": "Jan  1 00:00:00 2024 GMT", "notAfter": ends})
    assert made.uplinks.certificate_doubt("district") == "over"
    assert made.uplinks.certificate_doubt("city") == made.uplinks.certificate_doubt("nobody") == ""
    assert [where for where, _ in counted] == ["uplink.district"] * 2
    await made.uplinks.close()

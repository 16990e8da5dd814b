"""Two changes of one account at once: whoever is shut out does not come back by being quick."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.access import Role
from gateway.access.access import Caller
from gateway.access.accounts import DESKS_MAX, Account
from gateway.access.passwords import ScryptCost
from gateway.access.store import SESSIONS_MAX
from gateway.audit.events import CONSOLE, HERE
from gateway.errors import AccessDenied, UsageError
from tests.access.harness import PASSWORDS, Site, site

NEW = "秋水共长天一色落霞孤鹜"
PIN = "280641"
ZHANG = PASSWORDS["zhang"]


class Story:
    """`zhang`, at a desk with a PIN, and an installer who changes the account meanwhile."""

    def __init__(self, made: Site) -> None:
        self.made, self.access = made, made.access
        self.desk = ""
        self.caller: Caller

    async def begin(self) -> None:
        signed = await self.access.sign_in("zhang", ZHANG, HERE)
        caller = self.access.identify(signed.token)
        assert caller is not None
        self.desk, self.caller = signed.desk, caller
        await self.access.set_pin(caller, ZHANG, PIN, HERE)

    async def disable(self) -> None:
        await self.made.keys.disable(CONSOLE, HERE, "zhang")

    async def role(self) -> None:
        await self.made.keys.give_role(CONSOLE, HERE, "zhang", Role.VIEWER)

    async def reset(self) -> None:
        await self.made.keys.reset(CONSOLE, HERE, "zhang")

    async def password(self) -> str:
        return (await self.access.set_password(self.caller, ZHANG, NEW, HERE, self.desk)).token

    async def pin(self) -> str:
        await self.access.set_pin(self.caller, ZHANG, "730195", HERE)
        return ""

    async def enter(self) -> str:
        return (await self.access.sign_in("zhang", ZHANG, HERE)).token

    async def unlock(self) -> str:
        return (await self.access.unlock("zhang", PIN, HERE, self.desk)).token

    @property
    def account(self) -> Account:
        found = self.access.book.account("zhang")
        assert found is not None
        return found


@pytest.mark.parametrize("act", ["password", "pin", "enter", "unlock"])
@pytest.mark.parametrize("change", ["disable", "role", "reset"])
@pytest.mark.parametrize("kept", [True, False], ids=["on disk", "on its way"])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_change_by_an_installer_stands(
    tmp_path: Path, act: str, change: str, kept: bool, at: int
) -> None:
    """`at`: it comes while the first or the second password is evaluated."""
    async with site(tmp_path) as made:
        await made.furnish()
        story = Story(made)
        await story.begin()
        if act == "enter":  # at a stronger cost, so that it keeps the password anew
            made.access.evaluator._cost = ScryptCost(11, 8, 1)
        changing: list[asyncio.Task[None]] = []
        evaluated = made.access.evaluator._run
        count = 0

        async def run(work: Callable[[], object]) -> object:
            nonlocal count
            done = await evaluated(work)
            count += 1
            if count == at:
                changing.append(asyncio.create_task(getattr(story, change)()))
                await (changing[0] if kept else asyncio.sleep(0))
            return done

        made.access.evaluator._run = run  # type: ignore[method-assign,assignment]
        token = ""
        acting: Callable[[], Awaitable[str]] = getattr(story, act)
        with contextlib.suppress(AccessDenied):
            token = await acting()
        if not changing:
            assert at == 2
            return  # one evaluation is all that this act has
        await changing[0]
        caller = made.access.identify(token) if token else None
        account = story.account
        if change == "disable":
            assert account.disabled
            assert caller is None
        elif change == "role":
            assert account.role is Role.VIEWER
            assert caller is None or caller.role is Role.VIEWER
        else:
            assert account.password is None
            assert caller is None
        if change != "role":
            assert not any(known.pin for known in made.access.remembered_users(story.desk))


async def test_two_installers_do_not_shut_each_other_out(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish("boss", "zhang")
        await made.keys.give_role(CONSOLE, HERE, "zhang", Role.INSTALLER)
        both = (made.keys.disable(CONSOLE, HERE, id_) for id_ in ("boss", "zhang"))
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), UsageError]


async def test_a_viewer_who_signs_in_again_and_again_ends_nobody_elses_session(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        story = Story(made)
        await story.begin()
        for _ in range(66):
            await made.access.sign_in("guest", PASSWORDS["guest"], made.place("192.168.1.66"))
        caller = story.caller
        assert made.access.is_live(caller)
        assert [known.pin for known in made.access.remembered_users(story.desk)] == [True]
        book = made.access.book
        assert sum(each.account == "guest" for each in book.sessions().values()) == SESSIONS_MAX
        assert sum(desk.knows("guest") for desk in book.computers().values()) == DESKS_MAX


async def test_a_desk_that_two_people_use_forgets_only_the_one_who_has_too_many(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        story = Story(made)
        await story.begin()
        await made.access.sign_in("guest", PASSWORDS["guest"], HERE, story.desk)
        for _ in range(DESKS_MAX):
            await made.access.sign_in("guest", PASSWORDS["guest"], HERE)
        assert [known.account for known in made.access.remembered_users(story.desk)] == ["zhang"]


def all_bytes(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())


async def test_what_is_typed_into_the_wrong_field_is_written_nowhere(tmp_path: Path) -> None:
    typed = ("my-secret-passw0rd!", "13800138000", "春眠不觉晓处处闻啼鸟")
    async with site(tmp_path) as made:
        await made.furnish()
        for n, text in enumerate(typed):
            for tried in (made.access.sign_in, made.access.set_first_password):
                with pytest.raises(AccessDenied):
                    await tried(text, *("x",) * (1 + (tried == made.access.set_first_password)),
                                made.place(f"10.0.0.{n}"))  # fmt: skip
        with pytest.raises(AccessDenied):
            await made.access.sign_in("zhang", "wrong", made.place("10.0.0.9"))
        assert (await made.acts(1))[0].act.on == "zhang"
        await made.journal.append([])
        rows = b"".join((await made.journal.load("access")).values())
        written = b"".join(await made.events()) + rows
    written += await asyncio.to_thread(all_bytes, tmp_path)
    for text in typed:
        assert text.encode() not in written

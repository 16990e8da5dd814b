"""A thousand guesses at the real server, and the person at the desk afterwards."""

import asyncio
from pathlib import Path

from gateway.access.passwords import COST, ScryptCost
from gateway.access.throttle import STRANGERS_A_MINUTE
from gateway.audit import ActResult
from gateway.web.audit_middleware import BURST
from tests.access.harness import CHEAP, PASSWORDS, browser, site

GUESSES = 1000
A_MINUTE = 10


async def test_of_a_thousand_guesses_at_most_ten_a_minute_are_evaluated(tmp_path: Path) -> None:
    async with site(tmp_path, cost=CHEAP) as made:
        await made.furnish()
        async with browser(made) as desk, browser(made) as thief:
            assert (await desk.enter("zhang")).status == 303
            await thief.page("/signin")
            minutes = []
            for _minute in range(4):
                before = made.access.evaluator.evaluations
                statuses: list[int] = []
                for _second in range(10):
                    made.clock.advance(6)
                    guesses = [thief.enter("zhang", f"guess {n}") for n in range(GUESSES // 40)]
                    statuses += [answer.status for answer in await asyncio.gather(*guesses)]
                minutes.append(made.access.evaluator.evaluations - before)
                assert set(statuses) <= {401, 429}
            assert sum(minutes) >= 3, "guesses are evaluated at all"
            assert max(minutes) <= A_MINUTE
            stranger = await thief.enter("zhang")
            assert stranger.status == 429, "even the right one waits from where the guesses came"
            assert int(stranger.headers["Retry-After"]) > 0
            assert (await desk.enter("zhang")).status == 303, "the known computer does not wait"
        print(f"{GUESSES} guesses in {len(minutes)} minutes; evaluated a minute: {minutes}")
        acts = await made.acts(100)
        refused = [past.act for past in acts if past.act.result is ActResult.REFUSED]
        assert len(refused) <= sum(minutes) + BURST + 4 * 60 // 15 + 1, (
            "nor do they fill the journal"
        )
        assert (await made.proof()).broken is None


async def test_many_accounts_and_made_up_ones_gain_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        before = made.access.evaluator.evaluations
        answers = await asyncio.gather(
            *(
                made.access.sign_in(f"user{n}", "guess", made.place(f"10.0.{n // 250}.{n % 250}"))
                for n in range(GUESSES)
            ),
            return_exceptions=True,
        )
        assert all(isinstance(answer, Exception) for answer in answers)
        assert made.access.evaluator.evaluations - before <= STRANGERS_A_MINUTE


async def test_the_loop_goes_on_while_a_password_is_tried_at_full_cost(tmp_path: Path) -> None:
    """A scrypt of the real size runs beside the loop, which keeps turning."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.002)

    async with site(tmp_path, cost=COST) as made:
        turning = asyncio.create_task(turn())
        kept = await made.access.evaluator.hash(PASSWORDS["zhang"])
        turning.cancel()
    assert turns >= 10
    assert kept.startswith("scrypt$15$8$3$")


async def test_a_station_with_a_stronger_cost_keeps_passwords_anew(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish("zhang")
    async with site(tmp_path, cost=ScryptCost(11, 8, 1)) as made:
        await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())
        account = made.access.book.account("zhang")
        assert account is not None
        assert (account.password or "").startswith("scrypt$11$")
        await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())

"""Passwords: what is weak, what is kept, one evaluation at a time."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import codes, passwords
from gateway.access.password_worker import WAITING_MAX, PasswordWorker
from gateway.access.passwords import COST, ScryptCost
from gateway.errors import AccessDenied

CHEAP = ScryptCost(4, 8, 1)
ABOUT = ("0217", "张丽", "wangjing-07")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "access.password-short"),
        ("elevenchars", "access.password-short"),
        ("春眠不觉晓", "access.password-short"),
        ("x" * 201, "access.password-long"),
        ("password1234", "access.password-common"),
        ("Password12345!", "access.password-common"),
        ("woaini1314520", "access.password-common"),
        ("qwertyuiop123456", "access.password-common"),
        ("abcdefghijklmnop", "access.password-common"),
        ("aaaaaaaaaaaaaaaa", "access.password-common"),
        ("147258369147258369", "access.password-common"),
        ("张丽张丽张丽张丽", "access.password-common"),
        ("wangjing-07wangjing-07", "access.password-common"),
        ("ｐａｓｓｗｏｒｄ１２３４", "access.password-common"),
        ("春眠不觉晓处处闻啼鸟", None),
        ("correct horse station", None),
        ("zaoshang-jianbing-9", None),
        ("kX7#vQ2m9Lp!", None),
    ],
)
def test_what_is_weak_is_refused_by_name(password: str, why: str | None) -> None:
    assert passwords.password_weakness(password, ABOUT) == why


def test_every_listed_password_is_refused() -> None:
    listed = passwords.common_passwords()
    assert len(listed) > 800
    assert [word for word in listed if passwords.password_weakness(word) is None] == []


@given(st.text(max_size=300))
def test_no_text_is_too_odd_to_judge_or_keep(text: str) -> None:
    passwords.password_weakness(text, (text[:10],))
    kept = passwords.hash_password(text, CHEAP)
    assert passwords.verify_password(text, kept)
    assert not passwords.verify_password(text + "x", kept)


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        *((pin, None) for pin in ("4826", "739104", "20261123")),
        *((pin, "access.pin-digits") for pin in ("123", "12a4", "123456789", "１２３４", "")),
        *((pin, "access.pin-plain") for pin in ("1234", "0000", "1212", "9876", "520520")),
    ],
)
def test_a_pin_is_four_to_eight_digits_and_not_the_first_that_comes_to_mind(
    pin: str, why: str | None
) -> None:
    assert passwords.pin_weakness(pin) == why


def test_the_same_password_is_kept_differently_each_time_and_never_itself() -> None:
    first, second = (passwords.hash_password("correct horse station", CHEAP) for _ in range(2))
    assert first != second
    assert "horse" not in first
    assert passwords.needs_rehash(first, COST)
    assert not passwords.needs_rehash(first, CHEAP)


def test_one_evaluation_takes_what_a_small_station_can_spare() -> None:
    assert COST.bytes == 32 * 1024 * 1024


async def test_one_evaluation_at_a_time_and_a_bounded_line(monkeypatch) -> None:
    running, most, gate = 0, 0, threading.Event()

    def slow(_password: str, _stored: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        gate.wait(5)
        running -= 1
        return True

    monkeypatch.setattr(passwords, "verify_password", slow)
    evaluator = PasswordWorker(CHEAP)
    asked = [asyncio.create_task(evaluator.verify("x", "y")) for _ in range(WAITING_MAX + 3)]
    await asyncio.sleep(0.05)
    gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    evaluator.close()
    assert most == 1
    assert answers.count(True) == WAITING_MAX
    assert sum(isinstance(answer, AccessDenied) for answer in answers) == 3


async def test_nobody_costs_as_many_evaluations_as_somebody() -> None:
    evaluator = PasswordWorker(CHEAP)
    kept = passwords.hash_password("right", CHEAP)
    before = evaluator.evaluations
    assert not await evaluator.verify("wrong", kept)
    somebody = evaluator.evaluations - before
    assert not await evaluator.verify("wrong", None)
    assert not await evaluator.verify("", None), "the stand-in's password opens nothing"
    assert evaluator.evaluations - before == 3 * somebody == 3
    evaluator.close()


@given(st.binary(min_size=32, max_size=32))
def test_a_claim_code_is_typed_as_people_type(secret: bytes) -> None:
    code = codes.derive_code(secret)
    assert code == codes.derive_code(secret)
    assert codes.codes_match(f" {code.lower().replace('-', ' ')} ", code)
    assert not codes.codes_match(code[:-1], code)
    assert set(code) <= set(codes.ALPHABET) | {"-"}

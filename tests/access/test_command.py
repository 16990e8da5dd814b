"""`yizhan accounts`, beside a running station; and `yizhan journal verify` over its audit."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway import cli
from gateway.audit import AuditLog
from gateway.audit.events import CONSOLE
from gateway.journal import StateChange
from gateway.journal.chain import ChainHead
from gateway.web import control_socket
from tests.access.harness import Site, site


async def yizhan(folder: Path, *words: str) -> int:
    """One command, as a person at the machine types it."""
    return await asyncio.to_thread(cli.main, list(words))


@pytest.fixture
async def made(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    async with site(tmp_path, control=tmp_path / control_socket.NAME) as opened:
        yield opened


async def test_the_claim_code_is_shown_until_there_is_an_account(made: Site, capsys) -> None:
    assert await yizhan(made.folder, "accounts", "claim-code") == 0
    assert capsys.readouterr().out.strip() == made.access.claim_code
    await made.furnish("boss")
    assert await yizhan(made.folder, "accounts", "claim-code") == 1
    assert "已经有人认领" in capsys.readouterr().out


async def test_accounts_are_made_listed_shut_opened_and_reset(made: Site, capsys) -> None:
    await made.furnish("boss", "zhang")
    assert await yizhan(made.folder, "accounts", "add", "0221", "赵敏", "viewer") == 0
    said = capsys.readouterr().out
    code = said.split("：")[1].split("（")[0]
    signed = await made.access.set_first_password("0221", code, "green mountain tea", made.place())
    assert await yizhan(made.folder, "accounts", "disable", "0221") == 0
    assert made.access.identify(signed.token) is None
    capsys.readouterr()
    assert await yizhan(made.folder, "accounts", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["role"], one["state"]) for one in listed] == [
        ("0221", "viewer", "disabled"), ("boss", "installer", "open"), ("zhang", "staff", "open"),
    ]  # fmt: skip
    for words in (("enable", "0221"), ("role", "0221", "staff"), ("reset", "zhang")):
        assert await yizhan(made.folder, "accounts", *words) == 0
    assert await yizhan(made.folder, "accounts", "list") == 0
    assert "等设口令" in capsys.readouterr().out
    acts = [(past.act.who.id, past.act.what, past.act.on) for past in await made.acts(3)]
    assert acts == [
        ("console", "keys/reset", "zhang"),
        ("console", "keys/role", "0221"),
        ("console", "keys/enable", "0221"),
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("disable", "nobody"), 1),
        (("disable", "boss"), 1),
        (("add", "boss", "王工", "staff"), 1),
        (("add", "A B", "王工", "staff"), 1),
        (("role", "boss", "king"), 1),
    ],
)
async def test_what_cannot_be_is_said_and_not_done(
    made: Site, capsys, words: tuple[str, ...], code: int
) -> None:
    await made.furnish("boss")
    assert await yizhan(made.folder, "accounts", *words) == code
    assert "驿站说不行" in capsys.readouterr().err
    assert [account.id for account in made.keys.all()] == ["boss"]


async def test_wrong_use_is_told(capsys) -> None:
    for words in (("accounts",), ("accounts", "add", "x")):
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        assert ended.value.code == 2
    capsys.readouterr()


async def test_without_a_station_the_remedy_is_said(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert await yizhan(tmp_path, "accounts", "list") == 1
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert "→" in said


async def test_verify_proves_the_audit_of_a_running_station(made: Site, capsys) -> None:
    await made.furnish("boss")
    assert await yizhan(made.folder, "journal", "verify", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["audit"] == {"first": 1, "last": 2, "acts": 2, "lost": 0, "broken": None}


async def test_verify_names_the_first_break_in_a_file_at_rest(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "none"))
    monkeypatch.setenv("LANG", "en")
    async with site(tmp_path) as made:
        await made.furnish("boss", "zhang")
    verify = ("journal", "verify", "--state", str(tmp_path))
    assert await yizhan(tmp_path, *verify) == 0
    assert "Audit acts 1–4, 4 in all" in capsys.readouterr().out
    async with site(tmp_path) as made:
        await made.journal.append([], [StateChange("audit", "head", b"{}")])
    assert await yizhan(tmp_path, *verify) == 1
    said = capsys.readouterr().out
    assert "audit/head\nAudit acts 1–4, 4 in all" in said
    async with site(tmp_path) as made:
        forked = AuditLog(made.journal, made.clock, ChainHead(2, "0" * 64))
        await forked.record(CONSOLE, "keys/disable", on="zhang")
    assert await yizhan(tmp_path, *verify) == 1
    assert "Act 3 of the audit was altered" in capsys.readouterr().out

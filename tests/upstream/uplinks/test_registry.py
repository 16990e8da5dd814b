"""Kinds of uplink: found by file, imported when they are needed, and what is said of a bad one."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.forecast import make_forecast
from gateway.config.load import examine
from gateway.config.remarks import forecast_remarks
from gateway.errors import SettingsError
from gateway.texts import LANGUAGES, Texts
from gateway.upstream.uplinks import registry
from gateway.upstream.uplinks.http.options import HttpOptions

HEAVY = ("aiohttp", "cryptography", "gateway.upstream.uplinks.http.client")

POST = """
from typing import Literal
from gateway.upstream.uplinks.kind import UplinkKind
from gateway.upstream.uplinks.options import TransportedOptions

class PostOptions(TransportedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kind: Literal["post"] = "post"

KIND = UplinkKind(frozenset({"post"}), PostOptions, "transported", lambda context: None)
"""


@pytest.mark.parametrize("url", ["https://iot.example.cn/", "HTTP://127.0.0.1/", "", "::"])
def test_http_serves_its_schemes_and_what_has_none(url: str) -> None:
    kind = registry.kind_for(url)
    assert (kind.name, kind.options, kind.worth) == ("http", HttpOptions, "stored")


def test_knowing_the_kinds_and_reading_options_imports_no_client() -> None:
    ask = (
        "import sys; from gateway.upstream.uplinks import registry;"
        "registry.kinds(); registry.kind_for('https://a.cn/').options(url='https://a.cn/');"
        "print(*sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True, text=True)
    assert {*HEAVY} & {*asked.stdout.split()} == set()


def test_only_the_kind_that_is_asked_for_is_imported(beside: Path) -> None:
    (beside / "never.py").write_text("raise RuntimeError('imported')")
    assert registry.kind_for("toy+tcp://127.0.0.1:9").name == "toy"


def test_an_unknown_scheme_is_named_with_those_that_are_known(beside: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        registry.kind_for("mqtt://broker/")
    assert caught.value.code == registry.UNKNOWN_SCHEME
    assert caught.value.data == {
        "key": "url", "scheme": "mqtt", "known": "http, https, toy+tcp",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("KIND = 7", "TypeError: KIND is no UplinkKind"),
        (POST.replace("TransportedOptions", "UplinkOptions"), "do not derive from Transported"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_costs_no_other(
    beside: Path, text: str, reason: str
) -> None:
    (beside / "bad.py").write_text(text)
    sys.modules.pop("gateway.upstream.uplinks.bad", None)
    with pytest.raises(SettingsError) as caught:
        registry.kind_for("bad://far/")
    assert caught.value.code == registry.BROKEN_KIND
    assert caught.value.data["name"] == "bad"
    assert reason in caught.value.data["reason"]
    assert registry.kind_for("https://a.cn/").name == "http"
    assert [kind.name for kind in registry.kinds()] == ["http", "toy"]


def found(folder: Path, table: str) -> list[tuple[str, str, str]]:
    """Where each mistake stands and what it is, `station.toml` having this table of an uplink."""
    file = folder / "station.toml"
    file.write_text(
        f'schema = 1\n[station]\nid = "a"\nname = "一"\n[upstream.far]\n{table}', "utf-8"
    )
    _, mistakes = examine(file)
    for mistake in mistakes:
        for language in LANGUAGES:
            said = Texts(language).say(mistake.code, **mistake.data)
            assert "{" not in said + (Texts(language).remedy(mistake.code, **mistake.data) or "")
    return [(str(mistake.line), mistake.path, mistake.code) for mistake in mistakes]


def test_mistakes_of_an_address_stand_at_its_key(tmp_path: Path) -> None:
    assert found(tmp_path, 'url = "mqtt://broker/"\n') == [
        ("6", "upstream.far.url", "upstream.unknown-scheme")
    ]
    assert found(tmp_path, 'url = "mqtt://broker/"\nrequired = 1\ntopic = "a"\n') == [
        ("6", "upstream.far.url", "upstream.unknown-scheme"),
        ("7", "upstream.far.required", "settings.wrong-value"),
    ]
    assert found(tmp_path, 'url = "iot.example.cn"\n') == [
        ("6", "upstream.far.url", "upstream.bad-url")
    ]
    assert found(tmp_path, 'kind = "mqtt"\nurl = "https://a.cn/"\n') == [
        ("6", "upstream.far.kind", "settings.wrong-value")
    ]
    assert found(tmp_path, "required = true\n") == [
        ("5", "upstream.far.url", "settings.missing-key")
    ]


def test_a_transported_uplink_is_required_only_where_the_settings_say_so(
    beside: Path, tmp_path: Path
) -> None:
    (beside / "post.py").write_text(POST)
    url = 'url = "post://box/"\n'
    assert [code for _, _, code in found(tmp_path, url)] == ["upstream.transported"]
    assert found(tmp_path, url + "required = true\n") == [
        ("7", "upstream.far.required", "upstream.transported")
    ]
    assert found(tmp_path, url + "required = false\n") == []
    assert found(tmp_path, url + "accept_transported = true\n") == []
    settings, _ = examine(tmp_path / "station.toml")
    assert settings is not None
    remarks = {
        remark.code for remark in forecast_remarks(make_forecast(settings), tmp_path / "state")
    }
    assert "check.worth-transported" in remarks
    assert found(tmp_path, 'url = "https://a.cn/"\naccept_transported = true\n') == [
        ("7", "upstream.far.accept_transported", "settings.unknown-key")
    ]

"""What others see of the settings: no secret, and every key that differs."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.reconfigure.command import _when, _zone
from gateway.reconfigure.differences import SHOWN_MAX, Difference, differences
from gateway.reconfigure.records import ChangeRecord
from gateway.reconfigure.redaction import VEIL, redact, restore_secrets
from gateway.texts import Texts

TEXT = """# 望京西园
[station]
id = "a"   # 不改
[device.lock]
bind_key = "231d39c1d7cc1ab1aee224cd096db932"
inputs = [{ name = "门", token = "secret-1" }]
[upstream.district]
command_key = "ed25519:public"
"""


def test_secrets_go_under_a_veil_and_come_back_and_comments_stay():
    shown = redact(TEXT.encode(), "station.toml")
    assert "231d39" not in shown
    assert "secret-1" not in shown
    assert "ed25519:public" in shown, "a public key is no secret"
    assert "# 不改" in shown
    whole = restore_secrets(shown.encode(), TEXT.encode(), "station.toml")
    assert tomllib.loads(whole.decode()) == tomllib.loads(TEXT)


def test_a_veil_over_nothing_is_a_mistake_with_its_line():
    with pytest.raises(SettingsError) as refused:
        restore_secrets(
            f'[device.new]\nbind_key = "{VEIL}"\n'.encode(), TEXT.encode(), "station.toml"
        )
    (mistake,) = refused.value.data["mistakes"]
    assert (mistake.code, mistake.line, mistake.path) == (
        "appliance.veiled", 2, "device.new.bind_key",
    )  # fmt: skip


def test_a_new_secret_takes_the_place_of_the_old_one():
    changed = TEXT.replace("231d39c1d7cc1ab1aee224cd096db932", "0" * 32)
    found = differences(TEXT.encode(), changed.encode())
    assert found.keys == (Difference("device.lock.bind_key", VEIL, VEIL),), "changed, unseen"


def test_keys_that_come_go_and_change():
    before = b'a = 1\n[t]\nx = "old"\ngone = [1, 2]\n'
    after = b'a = 1\n[t]\nx = "new"\n[u]\nyes = true\n'
    assert set(differences(before, after).keys) == {
        Difference("t.x", '"old"', '"new"'),
        Difference("t.gone", "[1, 2]", None),
        Difference("u.yes", None, "true"),
    }


def test_a_device_that_comes_is_one_line_and_hides_its_secret():
    before = b'[device.a]\nname = "A"\n'
    after = before + b'[device.b]\nname = "B"\nbind_key = "00"\n'
    (found,) = differences(before, after).keys
    assert found == Difference("device.b", None, f'name = "B", bind_key = "{VEIL}"')
    (gone,) = differences(after, before).keys
    assert (gone.key, gone.after) == ("device.b", None)


def test_comments_and_order_are_no_keys_but_a_difference():
    found = differences(b"a = 1\nb = 2\n", b"# hello\nb = 2\na = 1\n")
    assert (found.keys, found.text) == ((), True)


def test_a_secret_inside_a_list_is_not_shown():
    assert "secret-1" not in str(differences(b"", TEXT.encode()))


def test_a_flood_is_counted_and_not_shown():
    found = differences(b"", "\n".join(f"k{n} = {n}" for n in range(SHOWN_MAX + 7)).encode())
    assert (len(found.keys), found.more) == (SHOWN_MAX, 7)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_the_texts_are_there_is_an_answer(before, after):
    assert differences(before, after).text is (before != after)


_values = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text("abc", max_size=4),
    lambda inner: st.dictionaries(st.text("abk", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _toml(table: object) -> str:
    if isinstance(table, dict):
        return "{" + ", ".join(f"{key} = {_toml(value)}" for key, value in table.items()) + "}"
    if isinstance(table, bool):
        return str(table).lower()
    return f'"{table}"' if isinstance(table, str) else str(table)


def _canonical(text: bytes) -> str:
    return json.dumps(tomllib.loads(text.decode()), sort_keys=True)


@given(_values, _values)
def test_no_key_shows_exactly_where_the_tables_are_equal(one, other):
    before, after = f"t = {_toml(one)}".encode(), f"t = {_toml(other)}".encode()
    same = _canonical(before) == _canonical(after)
    assert (differences(before, after).keys == ()) is same


def test_the_history_is_told_by_the_station_s_own_time_zone(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    record = ChangeRecord(1, "d", "kept", "installer:boss", at="2026-11-30T08:05:00.000Z")
    told = lambda: _when(record, Texts("zh"), _zone(tmp_path))  # noqa: E731
    file = tmp_path / "station.toml"
    file.write_text('schema = 1\n[station]\nid = "a"\nname = "甲"\n', "utf-8")
    assert told() == "2026-11-30 16:05:00 +0800"
    file.write_text('[station]\ntimezone = "Asia/Urumqi"\n', "utf-8")
    assert told() == "2026-11-30 14:05:00 +0600"
    for broken in ("[station", '[station]\ntimezone = "Mars"\n', "station = 3\n"):
        file.write_text(broken, "utf-8")
        assert told().startswith("2026-11-30 ")

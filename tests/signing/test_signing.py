"""Signatures against RFC 8032, canonical JSON against RFC 8785, and key files against the world."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StationError, UsageError
from gateway.signing import Signer, _text, canonical_json, secret_key, verify_signature

# RFC 8032, 7.1: secret key, public key, message, signature
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

SEED = bytes.fromhex(RFC_8032[0][0])
ORDER = {"kind": "broadcast", "zones": ["b3"], "class": 8, "text": "请疏散", "repeat": None}


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_the_published_vectors(
    monkeypatch: pytest.MonkeyPatch, seed: str, public: str, message: bytes, signature: str
) -> None:
    monkeypatch.setattr("gateway.signing.canonical_json", lambda value: value)
    signer = Signer(bytes.fromhex(seed))
    assert signer.public == _text(bytes.fromhex(public))
    assert signer.sign(message) == _text(bytes.fromhex(signature))
    assert verify_signature(signer.public, message, signer.sign(message))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, False, None]}, '{"a":[true,false,null],"b":1}'),
        ({}, "{}"),
        (
            '请\u20ac$\u000f\nA\'B"\\\\"/\x7f',
            '"请€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"',
        ),  # RFC 3.2.2.2
        (2**53 - 1, "9007199254740991"),
        (-(2**53 - 1), "-9007199254740991"),
        ((1, 2), "[1,2]"),
    ],
)
def test_canonical_json(value: Any, written: str) -> None:
    assert canonical_json(value) == written.encode()


def test_keys_are_in_the_order_of_utf_16() -> None:
    # RFC 8785, 3.2.3: the astral key stands before U+FB33, although its code point is larger
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    ordered = list(json.loads(canonical_json(dict.fromkeys(keys, 0))))
    assert ordered == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        {1: "x"},
        b"x",
        {"a": {"b": 0.1}},
        "\ud800",
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_what_two_systems_could_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        canonical_json(value)
    assert caught.value.code == "signing.not-canonical"


def test_a_tower_of_brackets_is_refused() -> None:
    tower: Any = 1
    for _ in range(20):
        tower = [tower]
    with pytest.raises(UsageError) as caught:
        canonical_json(tower)
    assert caught.value.code == "signing.too-deep"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(values)
def test_the_canonical_form_says_the_same_and_says_it_once(value: Any) -> None:
    written = canonical_json(value)
    assert json.loads(written) == value
    assert canonical_json(json.loads(written)) == written


@given(st.data())
def test_any_other_byte_anywhere_is_a_forgery(data: st.DataObject) -> None:
    signer = Signer(SEED)
    signature = signer.sign(ORDER)
    assert verify_signature(signer.public, dict(reversed(ORDER.items())), signature)
    at = data.draw(st.integers(0, len(signature) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=+/ é"))
    if signature[at] != other:
        forged = signature[:at] + other + signature[at + 1 :]
        assert not verify_signature(signer.public, ORDER, forged)


def test_another_order_another_key_and_an_unsayable_order_are_refused() -> None:
    signer, stranger = Signer(SEED), Signer(bytes(32))
    signature = signer.sign(ORDER)
    assert not verify_signature(signer.public, {**ORDER, "class": 9}, signature)
    assert not verify_signature(stranger.public, ORDER, signature)
    assert not verify_signature(signer.public, {**ORDER, "class": 8.0}, signature)
    assert not verify_signature(signer.public, ORDER, "")


@pytest.mark.parametrize("public", ["", "short", "é" * 43, "=" * 43])
def test_a_wrong_public_key_is_our_own_mistake(public: str) -> None:
    with pytest.raises(UsageError) as caught:
        verify_signature(public, ORDER, "x")
    assert caught.value.code == "signing.bad-public-key"


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "order.key"
    first = Signer.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert Signer.open(path).public == first.public
    assert Signer.open(tmp_path / "keys" / "other.key").public != first.public
    assert sorted(p.name for p in path.parent.iterdir()) == ["order.key", "other.key"]


def test_two_that_make_the_key_at_once_get_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "order.key"
    real_link = os.link

    def link_too_late(source: Path, target: Path) -> None:
        monkeypatch.undo()
        secret_key(path)
        real_link(source, target)

    monkeypatch.setattr(os, "link", link_too_late)
    assert secret_key(path) == path.read_bytes()


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (bytes(32), 0o644, "signing.key-readable"),
        (bytes(32), 0o620, "signing.key-readable"),
        (bytes(31), 0o600, "signing.key-damaged"),
        (bytes(33), 0o600, "signing.key-damaged"),
        (b"", 0o600, "signing.key-damaged"),
    ],
)
def test_a_key_that_others_may_know_or_nobody_knows(
    tmp_path: Path, content: bytes, mode: int, code: str
) -> None:
    path = tmp_path / "order.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(StationError) as caught:
        secret_key(path)
    assert caught.value.code == code


def test_a_link_to_somewhere_else_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(bytes(32))
    (tmp_path / "order.key").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="symbolic"):
        secret_key(tmp_path / "order.key")

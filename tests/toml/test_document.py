"""Whatever somebody puts in place of a settings file, it is told in one clear mistake."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.texts import Texts
from gateway.toml import Mistake, dotted_key, parse, read
from gateway.toml.document import BYTES_MAX


def mistakes(raw: bytes) -> list[Mistake]:
    with pytest.raises(SettingsError) as caught:
        parse(raw, "station.toml")
    return list(caught.value.data["mistakes"])


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (b"\x00\x01\x02", "settings.binary", 1),
        (b"a = 1\nb = \x1b[0m", "settings.binary", 2),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "settings.binary", 1),
        ("# ok\nname = '望京西园'".encode("gbk"), "settings.encoding", 2),
        ("name = '望京'".encode("utf-16"), "settings.encoding", 1),
        (b"a = 1\nb = \xff\xff\xff", "settings.encoding", 2),
        (b"a = 1\n" * BYTES_MAX, "settings.too-large", 0),
        (b"a = " + b"[" * 5000, "settings.too-deep", 0),
        (b"a = " + b"[" * 40 + b"]" * 40, "settings.too-deep", 0),
        (b"[" + b"a." * 40 + b"a]", "settings.too-deep", 0),
        (b"a = 1\nb =\nc = 2", "settings.syntax", 2),
        (b"a = 1\nb = 'open", "settings.syntax", 2),
        (b"a 1", "settings.syntax", 1),
        ("a = “wide”".encode(), "settings.full-width", 1),
        ("a = 1\nb ＝ 2".encode(), "settings.full-width", 2),
        ("a = [1，2]".encode(), "settings.full-width", 1),
        (b"a = 1\na = 2", "settings.repeated", 2),
        (b"[x]\n[y]\n[x]", "settings.repeated", 3),
    ],
)
def test_hostile_files(raw: bytes, code: str, line: int) -> None:
    assert [(m.code, m.line) for m in mistakes(raw)] == [(code, line)]


def test_full_width_signs_in_texts_and_comments_are_nobodys_business() -> None:
    (found,) = mistakes("a = '一，二' # “三”\nb = '，' x # ＝".encode())
    assert (found.code, found.line) == ("settings.syntax", 2)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('a = "open\nb = 1', "toml-quote"),
        ("a = 'open\nb = 1", "toml-quote"),
        ('a = """open', "toml-quote"),
        ("a = '''open", "toml-quote"),
        ('a = "open', "toml-quote"),
        ("a = 望京", "toml-value"),
        ("a =", "toml-value"),
        ("a = { b = 1 c = 2 }", "toml-brace"),
        ("a = { b = 1", "toml-brace"),
        ("a = [1 2]", "toml-bracket"),
        ("[a\nb = 1", "toml-bracket"),
        ("a 1", "toml-equals"),
        ("a = 1 b", "toml-rest"),
        ("a = 08", "toml-rest"),
        ("= 3", "toml-key"),
        ("望 = 3", "toml-key"),
        ('a = "C:\\dev"', "toml-backslash"),
    ],
)
def test_the_hint_fits_the_slip(text: str, hint: str) -> None:
    (mistake,) = mistakes(text.encode())
    assert mistake.data["hint"].code == f"settings.{hint}"


def test_a_table_copied_whole_is_one_mistake() -> None:
    (found,) = mistakes(b"[d.a]\nx = 1\ny.z = 2\n[d.a]\nx = 1\ny.z = 2")
    assert (found.path, found.line, found.data) == ("d.a", 4, {"first": 1})


def test_everything_written_twice_is_told_at_once() -> None:
    found = mistakes(b"[d.a]\nx = 1\nx = 2\n[d.b]\n[d.a]\ny = 1")
    assert [(m.path, m.line, m.data) for m in found] == [
        ("d.a.x", 3, {"first": 2}),
        ("d.a", 5, {"first": 1}),
    ]


def test_what_windows_leaves_in_a_file_is_forgiven() -> None:
    document = parse("\ufeffname = '望京'\r\nb = 1\r\n".encode(), "f")
    assert document.table == {"name": "望京", "b": 1}
    assert document.lines.line_of(("b",)) == 2


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "settings.missing-file"),
        (lambda path: path.mkdir(), "settings.directory"),
        (lambda path: path.symlink_to(path), "settings.unreadable"),
        (lambda path: path.parent.joinpath("gone").write_bytes(b""), "settings.missing-file"),
    ],
)
def test_files_that_are_none(tmp_path: Path, make: object, code: str) -> None:
    path = tmp_path / "station.toml"
    make(path)  # type: ignore[operator]  # parametrised
    with pytest.raises(SettingsError) as caught:
        read(path)
    (mistake,) = caught.value.data["mistakes"]
    assert (mistake.code, mistake.file, mistake.line) == (code, str(path), 0)


def test_a_file_that_may_not_be_read_says_who_must_change_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root, as tests may run, can read everything
    with pytest.raises(SettingsError) as caught:
        read(tmp_path / "station.toml")
    assert caught.value.data["mistakes"][0].code == "settings.forbidden"


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_document_or_a_mistake_that_can_be_said(raw: bytes) -> None:
    try:
        document = parse(raw, "f")
    except SettingsError as error:
        for mistake in error.data["mistakes"]:
            for lang in ("zh", "en"):
                said = Texts(lang).say(mistake.code, **mistake.data)
                assert not said.startswith("settings.")
                assert Texts(lang).remedy(mistake.code, **mistake.data)
    else:
        assert isinstance(document.table, dict)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), ""),
        (("device", "em-b3", "inputs", "1"), "device.em-b3.inputs.1"),
        (("a", 0, "b"), "a[0].b"),
        (("a", "b c", "中"), 'a."b c"."中"'),
    ],
)
def test_key_paths_are_written_as_in_the_file(path: tuple[str | int, ...], written: str) -> None:
    assert dotted_key(path) == written

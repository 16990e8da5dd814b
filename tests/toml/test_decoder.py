"""All mistakes at once, each with its key, its line, what was expected and what was found."""

import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from gateway.errors import SettingsError, UsageError
from gateway.texts import Texts
from gateway.toml import Decoder, Mistake, Phrase, hint, parse
from gateway.toml.expectations import expected_phrase, found_phrase


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Wired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kind: Literal["smoke", "key"] = msgspec.field(name="is")
    id: str


class Slow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    every_s: Annotated[float, Meta(gt=0)] = 1.0

    def __post_init__(self) -> None:
        if self.every_s == 13:
            raise ValueError("thirteen")
        if self.every_s == 14:
            raise ValueError("upstream.bad-url")
        if self.every_s == 15:
            raise UsageError("places.unknown", key="every_s", place="x")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    unit: Annotated[int, Meta(ge=1, le=247)]
    name: str | None = None
    colour: Colour = Colour.RED
    inputs: dict[str, Wired] = {}
    ratios: tuple[Annotated[float, Meta(gt=0)], ...] = ()
    change: str | float | None = None
    slow: Slow | None = None
    pair: tuple[int, int] = (0, 0)
    few: Annotated[list[int], Meta(max_length=2)] = []


class Mixed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shapes that no room has yet, but may."""

    first: tuple[Slow, int] | None = None
    either: Slow | list[int] | None = None
    table: Annotated[dict[str, int], Meta(max_length=1)] = {}


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    max_block: int = 10


def decoded(text: str, *shapes: type[msgspec.Struct], others: bool = False) -> tuple[Any, Decoder]:
    document = parse(text.encode(), "station.toml")
    decoder = Decoder(document)
    return decoder.structs(shapes or (Options,), document.table, (), others=others), decoder


def mistakes(text: str, *shapes: type[msgspec.Struct]) -> list[Mistake]:
    made, decoder = decoded(text, *shapes)
    assert made is None
    return decoder.mistakes


def test_what_is_right_becomes_the_options() -> None:
    made, decoder = decoded(
        'unit = 3\ncolour = "blue"\nratios = [1, 2.5]\nchange = "2%"\n'
        'inputs.1 = { is = "key", id = "k" }\nslow = { every_s = 2 }'
    )
    assert decoder.mistakes == []
    assert made == (
        Options(
            unit=3,
            colour=Colour.BLUE,
            ratios=(1.0, 2.5),
            change="2%",
            inputs={"1": Wired(kind="key", id="k")},
            slow=Slow(every_s=2),
        ),
    )


def test_every_mistake_is_told_at_once() -> None:
    text = (
        "unit = 300\n"
        'nmae = "x"\n'
        'colour = "green"\n'
        'inputs.1 = { is = "smok", id = 3 }\n'
        "ratios = [1,\n"
        "  -1]\n"
        "slow = { every_s = 0 }\n"
        "pair = [1]\n"
        "few = [1, 2, 3]\n"
    )
    assert {(m.line, m.path, m.code) for m in mistakes(text)} == {
        (1, "unit", "settings.wrong-value"),
        (2, "nmae", "settings.unknown-key"),
        (3, "colour", "settings.wrong-value"),
        (4, "inputs.1.is", "settings.wrong-value"),
        (4, "inputs.1.id", "settings.wrong-value"),
        (6, "ratios[1]", "settings.wrong-value"),
        (7, "slow.every_s", "settings.wrong-value"),
        (8, "pair", "settings.wrong-value"),
        (9, "few", "settings.wrong-value"),
    }


def test_a_missing_key_says_what_it_should_hold() -> None:
    (mistake,) = mistakes('name = "x"')
    assert (mistake.code, mistake.path) == ("settings.missing-key", "unit")
    remedy = Texts("zh").remedy(mistake.code, **mistake.data)
    assert remedy == "加一行 unit = …，要写的是：1 到 247 的整数。"


@pytest.mark.parametrize(
    ("every_s", "path", "code"),
    [
        (13, "slow", "settings.unfit"),
        (14, "slow", "upstream.bad-url"),
        (15, "slow.every_s", "places.unknown"),
    ],
)
def test_a_rooms_own_check_speaks_for_itself(every_s: int, path: str, code: str) -> None:
    (mistake,) = mistakes(f"unit = 1\nslow = {{ every_s = {every_s} }}")
    assert (mistake.path, mistake.code) == (path, code)


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ("first = [{ every_s = 15 }, 1]", "first.every_s", "places.unknown"),
        ("first = [{ every_s = 0 }, 1]", "first", "settings.wrong-value"),
        ("either = { every_s = 0 }", "either.every_s", "settings.wrong-value"),
        ("either = [1, 'x']", "either[1]", "settings.wrong-value"),
        ("either = 'x'", "either", "settings.wrong-value"),
        ("table = { a = 1, b = 'x' }", "table.b", "settings.wrong-value"),
        ("table = { a = 1, b = '-1' }", "table.b", "settings.quoted-number"),
        ("table = { a = 1, b = 2 }", "table", "settings.wrong-value"),
    ],
)
def test_nested_shapes_are_looked_into_as_far_as_they_go(text: str, path: str, code: str) -> None:
    assert [(m.path, m.code) for m in mistakes(text, Mixed)] == [(path, code)]


def test_nested_shapes_that_are_right() -> None:
    made, decoder = decoded("first = [{}, 1]\neither = [1]\ntable = { a = 1 }", Mixed)
    assert decoder.mistakes == []
    assert made == (Mixed(first=(Slow(), 1), either=[1], table={"a": 1}),)


def test_one_table_may_belong_to_two_rooms() -> None:
    made, decoder = decoded("unit = 1\nmax_block = 5", Options, Family)
    assert decoder.mistakes == []
    assert made == (Options(unit=1), Family(max_block=5))
    (mistake,) = mistakes("unit = 1\nmax_blok = 5", Options, Family)
    assert mistake.data["hint"] == Phrase("settings.did-you-mean", {"near": "max_block"})


def test_keys_of_an_unknown_owner_are_not_blamed_a_second_time() -> None:
    made, decoder = decoded("unit = 1\nmystery = 5", others=True)
    assert decoder.mistakes == []
    assert made == (Options(unit=1),)


@pytest.mark.parametrize("text", ["slow = 3", "slow = [1]", "inputs = 3", "ratios = {}"])
def test_a_value_where_a_table_belongs(text: str) -> None:
    (mistake,) = mistakes(f"unit = 1\n{text}")
    assert (mistake.line, mistake.code) == (2, "settings.wrong-value")


def test_a_whole_table_that_is_none() -> None:
    decoder = Decoder(parse(b"a = 1", "f"))
    assert decoder.struct(Options, "text", ("a",)) is None
    assert [m.path for m in decoder.mistakes] == ["a"]


def test_a_file_of_nothing_but_mistakes_does_not_flood_the_terminal() -> None:
    text = "unit = 1\n" + "".join(f"k{n} = 1\n" for n in range(500))
    assert len(mistakes(text)) == 200


def test_hints() -> None:
    assert hint("prot", ["port", "line"]) == Phrase("settings.did-you-mean", {"near": "port"})
    assert hint("zzz", ["b", "a"]) == Phrase("settings.there-are", {"known": "a, b"})
    assert hint("zzz", []) == Phrase("settings.none-there")
    many = hint("zzz", [f"k{n:02d}" for n in range(50)])
    assert many.data["known"].endswith("k11, …")


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (int, "一个整数"),
        (Annotated[int, Meta(ge=1)], "不小于 1 的整数"),
        (Annotated[int, Meta(le=9)], "不大于 9 的整数"),
        (Annotated[float, Meta(gt=0)], "大于 0 的数"),
        (Annotated[float, Meta(gt=0, le=30)], "0 到 30 之间的数"),
        (bool, "true 或 false"),
        (str | None, "引号里的文字"),
        (Literal["a", "b"], "其中之一：a, b"),
        (Colour, "其中之一：red, blue"),
        (list[int], "方括号里的列表，每一项是：一个整数"),
        (tuple[int, str], "方括号里的列表"),
        (str | float, "引号里的文字，或 一个数"),
        (dict[str, int], "一组“键 = 值”"),
        (Options, "一组“键 = 值”"),
        (Annotated[str, Meta(max_length=5)], "引号里的文字，1 到 5 个字"),
        (
            Annotated[str, Meta(examples=["9600 8N1"], pattern="x")],
            '英文引号里的文字，像 "9600 8N1"',
        ),
        (Annotated[str, Meta(pattern="x")], "另一种写法"),
        (bytes, "另一种写法"),
    ],
    ids=str,
)
def test_what_is_expected_can_be_said(type_: Any, said: str) -> None:
    phrase = expected_phrase(type_)
    say = Texts("zh").say
    assert sorted(say(phrase.code, **phrase.data)) == sorted(said)  # a union's order is its own
    assert not Texts("en").say(phrase.code, **phrase.data).startswith("expected.")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"wo"', '"wo"'),
        ("true", "true"),
        ("1.5", "1.5"),
        ("inf", "inf"),
        ("99999999999999999999999", "99999999999999999999999"),
        ("2026-05-01", "2026-05-01"),
        ("21:30:00", "21:30:00"),
        ("2026-05-01T21:30:00Z", "2026-05-01T21:30:00+00:00"),
        (f'"{"长" * 60}"', '"' + "长" * 38 + "…"),
    ],
)
def test_what_was_found_is_shown_as_it_was_written(text: str, shown: str) -> None:
    value = parse(f"key-here = {text}".encode(), "f").table["key-here"]
    assert found_phrase(value, ("key-here",)) == shown


@pytest.mark.parametrize("key", ["password", "api_token", "secret", "private_key", "pin"])
def test_a_secret_is_never_shown(key: str) -> None:
    assert found_phrase("hunter2", ("upstream", key)) == Phrase("found.secret")


def test_all_mistakes_travel_in_one_exception() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(b"a = 1\na = 2", "f")
    assert Texts("zh").say(caught.value.code, **caught.value.data) == "设置有 1 处要改"

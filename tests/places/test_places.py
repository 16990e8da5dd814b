"""One tree: what lies in what, what is nearest, and how a place is called aloud."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UsageError
from gateway.places import DEPTH_MAX, STATION, PlaceOptions, Places, find_faults

OPTIONS = {
    "b3-f5": PlaceOptions(name="3号楼5层", inside="b3"),  # before its building, as anyone may write
    "grid-031": PlaceOptions(name="第31网格", code="110105-031"),
    "b3": PlaceOptions(name="3号楼", inside="grid-031"),
    "b3-u2": PlaceOptions(name="2单元", inside="b3"),
    "b3-u2-1502": PlaceOptions(name="1502", inside="b3-u2"),
    "b3-lift": PlaceOptions(name="3号楼电梯", inside="b3", spoken="三号楼的电梯里"),
    "b5": PlaceOptions(name="5号楼", inside="grid-031"),
    "hall": PlaceOptions(name="驿站大厅"),
}


@pytest.fixture
def places() -> Places:
    return Places("望京西园三区驿站", OPTIONS)


def test_the_way_outwards_ends_at_the_station(places: Places) -> None:
    assert [p.id for p in places.chain("b3-u2-1502")] == [
        "b3-u2-1502", "b3-u2", "b3", "grid-031", STATION,
    ]  # fmt: skip
    assert [p.id for p in places.ancestors("b3")] == ["grid-031", STATION]
    assert places.ancestors(STATION) == ()


def test_what_lies_in_what(places: Places) -> None:
    assert places.within("b3-lift", "grid-031")
    assert places.within("b3", "b3")
    assert places.within("hall", STATION)
    assert not places.within("b3", "b3-lift")
    assert not places.within("hall", "grid-031")
    assert [p.id for p in places.below("b3")] == ["b3", "b3-f5", "b3-u2", "b3-lift", "b3-u2-1502"]
    assert len(places.below(STATION)) == len(OPTIONS) + 1


def test_the_speaker_of_this_lift_else_of_its_building(places: Places) -> None:
    assert places.nearest("b3-lift", {"b3-lift", "b3"}) == "b3-lift"
    assert places.nearest("b3-u2-1502", {"b3-lift", "b3"}) == "b3"
    assert places.nearest("hall", {"b3"}) is None
    assert places.nearest("hall", {"b3", STATION}) == STATION


def test_the_grid_code_comes_from_the_grid_around(places: Places) -> None:
    assert places.grid_code("b3-u2-1502") == "110105-031"
    assert places.grid_code("hall") is None


@pytest.mark.parametrize(
    ("place", "path", "spoken"),
    [
        ("b3-f5", "第31网格 › 3号楼 › 3号楼5层", "3号楼5层"),
        ("b3-u2-1502", "第31网格 › 3号楼 › 2单元 › 1502", "3号楼2单元1502"),
        ("b3-lift", "第31网格 › 3号楼 › 3号楼电梯", "三号楼的电梯里"),
        ("b3", "第31网格 › 3号楼", "3号楼"),
        ("grid-031", "第31网格", "第31网格"),
        ("hall", "驿站大厅", "驿站大厅"),
        (STATION, "望京西园三区驿站", "望京西园三区驿站"),
    ],
)
def test_names_on_pages_and_aloud(places: Places, place: str, path: str, spoken: str) -> None:
    assert places.path(place) == path
    assert places.spoken(place) == spoken


def test_found_by_id_or_by_a_name_that_only_one_bears(places: Places) -> None:
    assert places.find("b5") == places.find("5号楼") == places.get("b5")
    assert places.find("6号楼") is None
    twins = Places("x", {"a": PlaceOptions(name="门"), "b": PlaceOptions(name="门")})
    assert twins.find("门") is None


def test_an_unknown_place_is_the_callers_mistake(places: Places) -> None:
    assert "b9" not in places
    for ask in (places.get, places.chain, places.below):
        with pytest.raises(UsageError) as caught:
            ask("b9")
        assert (caught.value.code, caught.value.data) == ("places.unknown", {"place": "b9"})


def test_what_was_kept_of_a_place_that_is_no_more_is_called_by_its_id(places: Places) -> None:
    assert places.path("b9") == places.spoken("b9") == "b9"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ({"a": "a"}, [("a", "places.cycle", "a → a")]),
        ({"a": "b", "b": "c", "c": "a", "d": "a"}, [("a", "places.cycle", "a → b → c → a")]),
        ({"x": "a", "a": "b", "b": "a"}, [("a", "places.cycle", "a → b → a")]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"},
         [("a", "places.cycle", "a → b → a"), ("c", "places.cycle", "c → d → c")]),
        ({"a": "nowhere"}, [("a", "places.unknown", None)]),
        ({"楼": ""}, [("楼", "places.bad-id", None)]),
        ({"A": ""}, [("A", "places.bad-id", None)]),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(
    inside: dict[str, str], expected: list[tuple[str, str, str | None]]
) -> None:
    options = {key: PlaceOptions(name=key, inside=outer) for key, outer in inside.items()}
    assert [(f.place, f.code, f.data.get("circle")) for f in find_faults(options)] == expected
    with pytest.raises(UsageError) as caught:
        Places("x", options)
    assert caught.value.code == expected[0][1]


def test_a_chain_as_deep_as_allowed_and_one_deeper() -> None:
    names = [f"p{n}" for n in range(DEPTH_MAX + 1)]
    chain = {
        name: PlaceOptions(name=name, inside=names[n - 1] if n else STATION)
        for n, name in enumerate(names)
    }
    assert [(f.place, f.code) for f in find_faults(chain)] == [(names[-1], "places.too-deep")]
    del chain[names[-1]]
    assert list(find_faults(chain)) == []


ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])


@given(st.dictionaries(ids, ids | st.just(STATION)))
def test_any_settings_are_a_tree_or_have_a_fault_and_always_end(inside: dict[str, str]) -> None:
    options = {key: PlaceOptions(name=key, inside=outer) for key, outer in inside.items()}
    if list(find_faults(options)):
        return
    places = Places("station", options)
    for place in places:
        chain = places.chain(place.id)
        assert chain[-1].id == STATION
        assert all(place in places.below(outer.id) for outer in chain)
        assert places.spoken(place.id)

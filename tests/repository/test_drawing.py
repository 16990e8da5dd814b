"""The page about the house shows the house: every room, every floor, every dependence."""

from tests.repository.drawing import FLOORS, PAGE, PARTS, imports, reached, reduced


def test_the_page_shows_the_house_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    for place, made in PARTS.items():
        found = place.search(page)
        assert found is not None
        assert found.group() == made(), "python -m tests.repository.drawing"


def test_every_room_stands_on_a_floor() -> None:
    assert set(imports()) == {name for names in FLOORS.values() for name in names}


def test_no_floor_looks_up() -> None:
    """Wings know each other no more than the roof; the appliance hands the desk its sections."""
    order = [name for names in FLOORS.values() for name in names]
    floor = {name: each for each, names in FLOORS.items() for name in names}
    heights = {each: len(FLOORS) - n for n, each in enumerate(FLOORS)}
    wrong = [
        (name, there)
        for name in order
        for there in imports()[name]
        if floor[there] != "apart" and heights[floor[there]] > heights[floor[name]]
    ]
    assert wrong == []
    assert imports()["drivers"] == frozenset()


def test_fewer_arrows_lead_to_the_same_rooms() -> None:
    graph = imports()
    few = reduced(graph)
    assert sum(map(len, few.values())) < sum(map(len, graph.values())) / 2
    assert all(reached(few, name) == reached(graph, name) for name in graph)
    assert all(name not in reached(graph, name) for name in graph), "no room reaches itself"

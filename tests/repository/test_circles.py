"""No module and no package reaches itself by what it imports, late imports counted."""

from tests.repository.code_tree import circles, imports, package_imports


def test_no_module_reaches_itself() -> None:
    assert circles(imports()) == []


def test_no_package_reaches_itself() -> None:
    assert circles(package_imports()) == []


def test_a_circle_is_found() -> None:
    graph = {
        "a": frozenset({"b"}),
        "b": frozenset({"c", "d"}),
        "c": frozenset({"a"}),
        "d": frozenset({"e"}),
        "e": frozenset[str](),
    }
    assert circles(graph) == [("a", "b", "c")]

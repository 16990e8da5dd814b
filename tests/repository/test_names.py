"""Names: modules are nouns, a public class has its name alone, commands are verb and object."""

from collections import Counter
from collections.abc import Mapping

from tests.repository.code_tree import functions, public_classes, trees

# Names that end as gerunds do and are none.
NOUNS = frozenset({"signing", "paging", "source_ranking", "desk_ring", "finding", "upcoming"})

# Each name that several modules share, with its reason; at most SHARED_MAX of them.
SHARED: Mapping[str, str] = {}
SHARED_MAX = 60

# Names that say neither what is done nor to what.
PRIVATE_LANGUAGE = frozenset({"heard", "told", "take", "do", "of", "said"})


def test_modules_are_nouns() -> None:
    named = {module: module.rpartition(".")[2] for module in trees()}
    gerunds = [module for module, name in named.items() if name.endswith("ing")]
    assert [module for module in gerunds if named[module] not in NOUNS] == []
    assert {named[module] for module in gerunds} == NOUNS, "no longer there: take it out"


def test_a_public_class_has_its_name_alone() -> None:
    names = Counter(each.name for each in public_classes())
    shared = {name for name, count in names.items() if count > 1}
    assert shared - SHARED.keys() == set(), "each with its reason in SHARED"
    assert SHARED.keys() - shared == set(), "no longer shared: take it out of SHARED"
    assert len(SHARED) <= SHARED_MAX


def test_functions_say_what_they_do() -> None:
    found = [each for each in functions() if each.name in PRIVATE_LANGUAGE]
    assert [f"{each.module}.{each.name}" for each in found] == []

"""Names: modules are nouns, a public class has its name alone, commands are verb and object."""

from collections import Counter
from collections.abc import Mapping

from tests.repository.code_tree import by_package, functions, public_classes, trees

# Nouns of the trade that end as gerunds do, and where they are allowed.
NOUNS = frozenset({"signing", "paging", "ring", "drawing", "meaning", "listing", "recording"})

# Gerunds that are still there; this goes down to 0 with the renaming.
GERUNDS_MAX = {"gateway": 21, "drivers": 3, "kiosk": 0, "broadcast": 2}

# Class names that several modules share over the four packages; down to the list below.
SHARED_MAX = 164

# Each shared name with its reason; once SHARED_MAX is at most 60, a name that is not here fails.
SHARED: Mapping[str, str] = {}

# Names that say neither what is done nor to what.
PRIVATE_LANGUAGE = frozenset({"heard", "told", "take", "do", "of", "said"})
PRIVATE_LANGUAGE_MAX = {"gateway": 78, "drivers": 8, "kiosk": 14, "broadcast": 3}


def test_modules_are_nouns() -> None:
    gerunds = [
        module
        for module in trees()
        if (name := module.rpartition(".")[2]).endswith("ing") and name not in NOUNS
    ]
    counts = Counter(module.partition(".")[0] for module in gerunds)
    over = {
        package: counts[package] for package in counts if counts[package] > GERUNDS_MAX[package]
    }
    assert over == {}, gerunds


def test_a_public_class_has_its_name_alone() -> None:
    names = Counter(each.name for each in public_classes())
    shared = {name for name, count in names.items() if count > 1}
    assert len(shared) <= SHARED_MAX, sorted(shared)
    if SHARED_MAX <= 60:
        assert shared - SHARED.keys() == set(), "each with its reason in SHARED"
        assert SHARED.keys() - shared == set(), "no longer shared: take it out of SHARED"


def test_functions_say_what_they_do() -> None:
    found = [each for each in functions() if each.name in PRIVATE_LANGUAGE]
    counts = by_package(found)
    over = {name: n for name, n in counts.items() if n > PRIVATE_LANGUAGE_MAX[name]}
    assert over == {}, [f"{each.module}.{each.name}" for each in found if each.package in over]

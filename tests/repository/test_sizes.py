"""Files and functions stay small enough to be read at once."""

from statistics import quantiles

from tests.repository.code_tree import ROOT, code_files, functions

FILE_LINES_MAX = 400
# What is still longer, and how long at most; each goes down to 0 with the renaming of its room.
LONG_FILES_MAX, LONG_FILE_LINES_MAX = 4, 420

FUNCTION_LINES_MAX = 70

FUNCTION_LINES_P90_MAX = 40


def test_files_stay_small() -> None:
    sizes = {
        str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in code_files()
    }
    long = {name: lines for name, lines in sizes.items() if lines > FILE_LINES_MAX}
    assert len(long) <= LONG_FILES_MAX, long
    assert {name: n for name, n in long.items() if n > LONG_FILE_LINES_MAX} == {}


def test_functions_stay_small() -> None:
    found = list(functions())
    long = [f"{each.module}.{each.name}" for each in found if each.lines > FUNCTION_LINES_MAX]
    assert long == []
    assert quantiles((each.lines for each in found), n=10)[-1] <= FUNCTION_LINES_P90_MAX

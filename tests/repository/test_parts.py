"""What `./dev test` reads from pytest: which tests to run once more, and the counts."""

import pytest

from tests import parts

SUMMARY = """\
=========================== short test summary info ============================
FAILED tests/a/test_a.py::test_one - AssertionError: 1 - 2
FAILED tests/a/test_a.py::test_two[\\u7a7a.mp3-a - b] - playwright._impl._errors.T...
ERROR tests/b/test_b.py::test_three
FAILED tests/a/test_a.py::test_one - again
3 failed, 774 passed, 2 skipped, 1 error in 116.63s (0:01:56)
"""


def test_the_failed_are_named_once_with_their_parameters() -> None:
    assert parts._failed(SUMMARY.splitlines(keepends=True)) == (
        "tests/a/test_a.py::test_one",
        "tests/a/test_a.py::test_two[\\u7a7a.mp3-a - b]",
        "tests/b/test_b.py::test_three",
    )


def test_the_counts_are_those_of_the_closing_line() -> None:
    counted = {"passed": 774, "failed": 3, "skipped": 2, "error": 1}
    assert parts._counts(SUMMARY.splitlines()) == counted


TWICE = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_it(n):
    seen = Path(__file__).with_name(str(n))
    known = seen.exists()
    seen.write_text("")
    assert known, "the first time"
"""


@pytest.mark.parametrize(("count", "code"), [(parts.UNSTEADY_MAX, 0), (parts.UNSTEADY_MAX + 1, 1)])
def test_a_very_few_that_pass_alone_are_named_and_more_fail(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path, count, code
) -> None:
    (tmp_path / "tests" / "odd").mkdir(parents=True)
    (tmp_path / "tests" / "odd" / "test_odd.py").write_text(TWICE.format(count=count))
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    monkeypatch.setattr(parts, "WORKERS", 1)
    monkeypatch.setattr(parts, "PARTS", (parts.Part("odd", ("odd",), 60),))
    assert parts.main(["test"]) == code
    printed = capfd.readouterr().out
    assert printed.count("UNSTEADY, ") == (count if code == 0 else 0)
    assert printed.splitlines()[-1] == (
        f"{count} passed, 0 failed, 0 skipped"
        if code == 0
        else f"0 passed, {count} failed, 0 skipped"
    )

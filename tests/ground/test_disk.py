"""Work on a disk that may hang."""

import threading

import pytest

from gateway import disk
from gateway.disk import run_in_time


def fails():
    raise ValueError("ours")


def test_what_ends_in_time_returns_and_raises_as_ever():
    assert run_in_time(lambda: 7) == 7
    with pytest.raises(ValueError, match="ours"):
        run_in_time(fails)


def test_work_that_hangs_is_left_behind_and_other_work_refused_until_it_has_ended(monkeypatch):
    monkeypatch.setattr(disk, "WITHIN_S", 0.01)
    go_on, done = threading.Event(), list[int]()

    def hangs():
        go_on.wait()
        done.append(1)

    with pytest.raises(TimeoutError):
        run_in_time(hangs)
    with pytest.raises(OSError, match="hangs"):
        run_in_time(lambda: done.append(2))
    assert done == [], "it did not even begin"
    (late,) = disk._late
    go_on.set()
    late.join()
    assert run_in_time(lambda: done) == [1]

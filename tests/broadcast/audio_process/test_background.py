import os
import select
import threading
from pathlib import Path

from broadcast.audio_process.background import LOADS_WAITING_MAX, THREADS_MAX, BackgroundWorkers
from broadcast.audio_process.sources import FileSource
from gateway.errors import CommandRefused
from tests.broadcast.audio_process.harness import WITHIN_S, programme, save, tone


def answered(errands: BackgroundWorkers, wanted: int) -> None:
    """Do for the clock what the clock does."""
    done = 0
    while done < wanted:
        ready, _, _ = select.select([errands.bell], [], [], WITHIN_S)
        assert ready
        for result in errands.results():
            result()
            done += 1


def test_many_errands_are_done_by_few_threads() -> None:
    errands, seen, lock = BackgroundWorkers(), set(), threading.Lock()
    done: list[int] = []

    def work() -> None:
        with lock:
            seen.add(threading.get_ident())
        errands.post(lambda: done.append(1))

    for _ in range(200):
        errands.run(work)
        assert errands._working <= THREADS_MAX
    answered(errands, 200)
    errands.close()
    assert len(done) == 200


def test_one_that_hangs_holds_up_nobody() -> None:
    errands, hang, done = BackgroundWorkers(), threading.Event(), []
    errands.run(hang.wait)
    errands.run(lambda: errands.post(lambda: done.append(1)))
    answered(errands, 1)
    hang.set()
    errands.close()
    assert done == [1]


def test_an_emergency_waits_for_no_other_file(tmp_path: Path) -> None:
    """A card that hangs at one file, and as many behind it as may wait."""
    errands, found = BackgroundWorkers(), []
    stuck, siren = tmp_path / "stuck.wav", save(tmp_path / "siren.wav", tone(440, 0.1))
    os.mkfifo(stuck)
    assert errands.read(programme("stuck", stuck), found.append)
    with stuck.open("wb"):  # it is being read
        while errands.read(programme("more", siren), found.append):
            continue
        assert errands.read(programme("siren", siren, urgent=True), found.append)
        answered(errands, 1)
        assert [type(each) for each in found] == [FileSource]
    answered(errands, LOADS_WAITING_MAX + 1)
    errands.close()


def test_files_are_read_and_what_is_wrong_with_them_is_told(tmp_path: Path) -> None:
    errands, found = BackgroundWorkers(), []
    good = save(tmp_path / "a.wav", tone(440, 0.1))
    assert errands.read(programme("a", good), found.append)
    assert errands.read(programme("b", tmp_path / "no.wav"), found.append)
    answered(errands, 2)
    errands.close()
    assert isinstance(found[0], FileSource)
    assert isinstance(found[1], CommandRefused)

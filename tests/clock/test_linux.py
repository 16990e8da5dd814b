"""The thin reader of the real kernel: reads, and sets nothing."""

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import LinuxKernel, NtpSync

DAY_NS = 86_400 * 10**9


def answering(kernel: LinuxKernel, answer: Callable[[Any], int]) -> LinuxKernel:
    """Put another adjtimex under the reader."""
    kernel._adjtimex = lambda reference: answer(reference._obj)
    return kernel


def refusing(number: int) -> Callable[[Any], int]:
    def refuse(_: Any) -> int:
        ctypes.set_errno(number)
        return -1

    return refuse


def test_the_real_kernel_answers() -> None:
    kernel = LinuxKernel()
    before = kernel.boottime_ns()
    assert kernel.realtime_ns() > 1_700_000_000 * 10**9
    hold = kernel.ntp()
    assert hold is None or hold.error_ns >= 0
    assert kernel.boottime_ns() > before


def test_it_asks_and_never_sets(tmp_path: Path) -> None:
    asked: list[int] = []

    def note(timex: Any) -> int:
        asked.append(timex.modes)
        return 0

    answering(LinuxKernel(tmp_path), note).ntp()
    assert asked == [0]


def test_a_held_clock_has_the_kernels_own_bound(tmp_path: Path) -> None:
    def held(timex: Any) -> int:
        timex.maxerror = 2500
        return 0

    assert answering(LinuxKernel(tmp_path), held).ntp() == NtpSync(2_500_000)


@pytest.mark.parametrize(("state", "status"), [(5, 0x40), (0, 0)])
def test_an_unsynchronised_clock_is_not_held_even_with_a_mark(
    tmp_path: Path, state: int, status: int
) -> None:
    def drifting(timex: Any) -> int:
        timex.status, timex.maxerror = status, 16_000_000
        return state

    mark = tmp_path / "synchronized"
    mark.touch()
    assert answering(LinuxKernel(mark), drifting).ntp() is None


def test_chronyd_holds_the_clock_also_where_the_rtc_is_not_the_kernels_affair(
    tmp_path: Path,
) -> None:
    """Without `rtcsync` it leaves STA_UNSYNC set, and says by the bound alone that it holds it."""

    def unsynced(timex: Any) -> int:
        timex.status, timex.maxerror = 0x2040, 31_000
        return 5

    assert answering(LinuxKernel(tmp_path), unsynced).ntp() == NtpSync(31_000_000)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENOSYS])
def test_in_a_sandbox_the_mark_of_timesyncd_speaks(tmp_path: Path, number: int) -> None:
    mark = tmp_path / "synchronized"
    kernel = answering(LinuxKernel(mark), refusing(number))
    assert kernel.ntp() is None
    mark.touch()
    when = kernel.realtime_ns() - DAY_NS
    os.utime(mark, ns=(when, when))
    hold = kernel.ntp()
    assert hold is not None
    assert DAY_NS <= hold.age_ns < DAY_NS + 60 * 10**9


def test_a_mark_of_tomorrow_is_as_of_now(tmp_path: Path) -> None:
    mark = tmp_path / "synchronized"
    mark.touch()
    kernel = answering(LinuxKernel(mark), refusing(errno.EPERM))
    when = kernel.realtime_ns() + DAY_NS
    os.utime(mark, ns=(when, when))
    assert kernel.ntp() == NtpSync(100_000_000, 0)


def test_any_other_failure_is_not_hidden(tmp_path: Path) -> None:
    kernel = answering(LinuxKernel(tmp_path), refusing(errno.EFAULT))
    with pytest.raises(OSError, match="adjtimex"):
        kernel.ntp()

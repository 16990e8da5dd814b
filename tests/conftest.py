"""What all tests share: the same examples every time in `./dev test`, new ones in `./dev proof`.

`YIZHAN_EXAMPLES=few` is for a second run of the same code, on another Python.
"""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings

from gateway.clock import boot

if TYPE_CHECKING:
    from playwright.async_api import Browser

# Whoever starts the tests behind their back (`./dev test &`) lets them and their children pass by a
# Ctrl-C, and some of the children are ended by one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A station that a test runs by hand has its control socket where no other test and nobody's own
# station look for one.
OWN_DIRECTORY = boot.user_run_directory
boot.user_run_directory = lambda _: RUN  # type: ignore[assignment]
RUN = Path(tempfile.mkdtemp(prefix="yizhan-tests-"))
atexit.register(shutil.rmtree, RUN, ignore_errors=True)

settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("few", settings.get_profile("test"), max_examples=20)
settings.register_profile("proof", deadline=None, print_blob=True)
settings.load_profile(
    "proof" if "YIZHAN_SEED" in os.environ else os.environ.get("YIZHAN_EXAMPLES", "test")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: what takes long and begins last keeps one worker alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> "AsyncIterator[Browser]":
    """One browser for all screens of a module; without Chromium the test fails."""
    from tests.web import browser  # noqa: PLC0415  # most tests need no browser

    async with browser.browser() as started:
        yield started

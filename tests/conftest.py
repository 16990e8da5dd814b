"""What all tests share: the same examples every time in `./dev test`, new ones in `./dev proof`.

`YIZHAN_EXAMPLES=few` is for a second run of the same code, on another Python.
"""

import os
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest_asyncio
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.async_api import Browser

# Whoever starts the tests behind their back (`./dev test &`) lets them and their children pass by a
# Ctrl-C, and some of the children are ended by one.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("few", settings.get_profile("test"), max_examples=20)
settings.register_profile("proof", deadline=None, print_blob=True)
settings.load_profile(
    "proof" if "YIZHAN_SEED" in os.environ else os.environ.get("YIZHAN_EXAMPLES", "test")
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> "AsyncIterator[Browser]":
    """One browser for all screens of a module; without Chromium the test fails."""
    from tests.web import browser  # noqa: PLC0415  # most tests need no browser

    async with browser.browser() as started:
        yield started

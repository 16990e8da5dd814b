"""The types of request that the suites run over: the product's, and the toy beside it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from drivers.extensions import EXTENSIONS_VARIABLE
from gateway.texts import catalogue
from kiosk import request_types
from kiosk.requests.catalogue import load_services
from kiosk.requests.request_type import TYPES

TOYS = Path(__file__).parents[2] / "kiosk_toys"
WITH_TOYS = {EXTENSIONS_VARIABLE: str(TOYS)}
NAMES = [*TYPES, "wish"]


@contextlib.contextmanager
def with_toys() -> Iterator[None]:
    """The toys are beside the product; nothing of them is known after it."""
    path = list(request_types.__path__)
    _forget()
    with mock.patch.dict(os.environ, WITH_TOYS):
        try:
            yield
        finally:
            request_types.__path__[:] = path
            _forget()


def _forget() -> None:
    load_services.cache_clear()
    catalogue.cache_clear()
    TYPES._types.pop("wish", None)
    for known in [key for key in TYPES._parts if key[0] == "wish"]:
        del TYPES._parts[known]
    for module in [name for name in sys.modules if name.startswith("kiosk.request_types.wish")]:
        del sys.modules[module]

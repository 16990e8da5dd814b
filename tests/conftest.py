"""What all tests share: the same examples every time in `./dev test`, new ones in `./dev proof`.

`YIZHAN_EXAMPLES=few` is for a second run of the same code, on another Python.
"""

import os

from hypothesis import settings

settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("few", settings.get_profile("test"), max_examples=20)
settings.register_profile("proof", deadline=None, print_blob=True)
settings.load_profile(
    "proof" if "YIZHAN_SEED" in os.environ else os.environ.get("YIZHAN_EXAMPLES", "test")
)

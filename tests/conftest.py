"""What all tests share: the same examples every time in `./dev test`, new ones in `./dev proof`."""

import os

from hypothesis import settings

settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("proof", deadline=None, print_blob=True)
settings.load_profile("proof" if "YIZHAN_SEED" in os.environ else "test")

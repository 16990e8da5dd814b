"""What the proofs share."""

import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_path(tmp_path):
    """A directory in memory where the system has one: the proofs write gigabytes."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    directory = Path(tempfile.mkdtemp(dir=MEMORY, prefix="yizhan-"))
    yield directory
    shutil.rmtree(directory)

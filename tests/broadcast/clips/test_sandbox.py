"""The gateway's unit allows what capping a program needs: under its own system call filter."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SPEAK = """
import asyncio, ctypes, sys
from pathlib import Path
from broadcast.clips.store import ClipStore
from broadcast.voice.voice import Voice
from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from tests.proof.sandbox import PR_SET_MDWE, PR_SET_NO_NEW_PRIVS, call_filter, read

enforce = call_filter(read(Path("systemd/yizhan.service")))
prctl = ctypes.CDLL(None).prctl
assert prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
prctl(PR_SET_MDWE, 1, 0, 0, 0)
assert enforce() == 0
voice = Voice(ClipStore(Path(sys.argv[1])), [EspeakVoice(Lexicon({}))])
print(asyncio.run(voice.render("停水")).seconds)
"""


def test_a_text_is_rendered_under_the_filter_of_the_gateways_unit(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SPEAK, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.3

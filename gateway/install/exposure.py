"""The rating by systemd of a unit's exposure: 0.0 is closed, 10.0 is open."""

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

_OVERALL = re.compile(r"Overall exposure level for \S+: ([\d.]+)")


# A name that no drop-in of this machine belongs to: the text alone is judged.
_NAME = "judged.service"


@cache
def exposure(text: str) -> float | None:
    """The rating of a unit's text; None without systemd-analyze."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _NAME)
        path.write_text(text, "utf-8")
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)]
        try:
            ran = subprocess.run(  # noqa: S603 - a fixed program and our own file
                command, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            return None
    found = _OVERALL.search(ran.stdout)
    return float(found[1]) if found else None


def with_dropin(unit: str, dropin: str) -> str:
    """The unit as systemd reads it: the drop-in comes last."""
    return f"{unit.rstrip()}\n\n{dropin}"

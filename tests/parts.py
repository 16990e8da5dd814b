"""Run the tests part by part, each against its budget: `./dev test [PART…]`, `./dev proof [PART…]`.

A part is a subject, not a folder, and has its seconds on two cores, so that the whole stays under
ten minutes. A part over its budget says so; one that keeps the processors busy for three times as
long fails: a busy neighbour takes seconds, but no processor time, and a part that grew does.

A test that fails beside the others is run once more alone. One that then passes is unsteady: its
first failure is printed and it is named at the end, because there is a race to find, in it or in
what it tests; more than a very few of them fail the run.
"""

import os
import re
import resource
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


CORES = 2
# Half of the time a test waits for a process, a page or a sound: two a core keep both busy.
WORKERS = 4

# Times its budget on all cores: no slow machine needs so much, and no wait for one counts.
FAILS_AT = 3


# So many tests of a run may fail beside the others and pass alone.
UNSTEADY_MAX = 2


class Part(NamedTuple):
    """One subject: its folders, and the seconds it may take."""

    name: str
    folders: tuple[str, ...]
    budget_s: int


GROUND = (
    "repository",
    "sim",
    "ground",
    "clock",
    "toml",
    "config",
    "places",
    "texts",
    "private",
    "signing",
    "journal",
)
HALL = ("web", "live", "station")
PARTS = (
    Part("spine", GROUND + HALL, 95),
    Part("access", ("access", "desk"), 40),
    Part("uplinks", ("upstream",), 50),
    Part("field", ("drivers", "conformance", "intake"), 60),
    Part("alarms", ("rules", "alarms"), 45),
    Part("broadcast", ("broadcast",), 105),
    Part("kiosk", ("kiosk",), 75),
    Part("operate", ("reconfigure", "install", "doctor"), 50),
    Part("setup", ("setup", "discovery"), 40),
)
LARGE = Part("large", ("proof",), 0)
# The quick tests without pages once more, in the proof: few examples, the newest Python.
OTHER = Part(
    "py3.13",
    (*GROUND, "upstream", "drivers", "intake", "rules", "broadcast", "kiosk"),
    120,
)


class Outcome(NamedTuple):
    """What one part came to."""

    part: Part
    code: int
    took_s: float
    busy_s: float
    passed: int
    failed: int
    skipped: int
    unsteady: tuple[str, ...] = ()


def run(part: Part, mode: str, python: str = sys.executable) -> Outcome:
    """Run one part in its own pytest process; its output goes straight through."""
    folders = [str(path) for name in part.folders if (path := ROOT / "tests" / name).is_dir()]
    if not folders:
        return Outcome(part, 0, 0.0, 0.0, 0, 0, 0)
    bounded = mode == "test" or float(os.environ["YIZHAN_PROOF_SHARE"]) < 1
    marks = "not proof and not bench"
    if mode == "proof":
        marks = "proof and not full" if bounded else "proof"
    environ = dict(os.environ)
    if part is OTHER:
        marks += " and not slow"
        environ["YIZHAN_EXAMPLES"] = "few"
        environ.pop("YIZHAN_SEED", None)  # the same examples every time
    command = [python, "-m", "pytest", "-q", "--durations=3", "-m", marks]
    manner = ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]
    if mode == "proof":
        command += [f"--hypothesis-seed={os.environ['YIZHAN_SEED']}"]
        manner = ["-s", "--timeout=3600"]
    print(f"\n── {part.name}", flush=True)
    began, busy_s = time.monotonic(), _processors_s()
    code, lines = _pytest([*command, *manner, *folders], environ)
    took_s, busy_s = time.monotonic() - began, _processors_s() - busy_s
    unsteady: tuple[str, ...] = ()
    failed = _failed(lines)
    if bounded and code == 1 and 0 < len(failed) <= UNSTEADY_MAX:
        print(f"\n── {part.name}: what failed, once more and alone", flush=True)
        alone = [*command, *(each for each in manner if "timeout" in each), *failed]
        code, _ = _pytest(alone, environ)
        unsteady = failed if code == 0 else ()
    counts = _counts(lines)
    return Outcome(
        part,
        0 if code == 5 else code,  # 5: this part has no such test
        took_s,
        busy_s,
        counts.get("passed", 0) + len(unsteady),
        counts.get("failed", 0) + counts.get("error", 0) - len(unsteady),
        counts.get("skipped", 0),
        unsteady,
    )


def _pytest(command: list[str], environ: dict[str, str]) -> tuple[int, list[str]]:
    """Run it, printing; its exit code and what it printed."""
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, lines


def _processors_s() -> float:
    """What all ended children and theirs have had of the processors so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _counts(lines: list[str]) -> dict[str, int]:
    """How many passed, failed, were skipped, by pytest's closing line."""
    closing = next((line for line in reversed(lines) if re.search(r"\d+ \w+ in [\d.]+s", line)), "")
    return {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error|skipped)", closing)}


def _failed(lines: list[str]) -> tuple[str, ...]:
    """The tests that failed, by pytest's short summary."""
    summary = re.compile(r"(?:FAILED|ERROR) (\S+?(?:\[.+?\])?)(?: - |$)")
    found = (summary.match(line.rstrip()) for line in lines)
    return tuple(dict.fromkeys(match[1] for match in found if match))


def main(arguments: list[str]) -> int:
    """Run the parts named (all if none), print each against its budget, return the exit code."""
    mode, names = arguments[0], arguments[1:]
    known = [part.name for part in (*PARTS, LARGE)]
    if unknown := set(names) - set(known):
        print(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
        return 2
    if mode == "proof":
        os.environ.setdefault("YIZHAN_SEED", str(secrets.randbits(32)))
        os.environ.setdefault("YIZHAN_PROOF_SHARE", "1")
        print(f"seed {os.environ['YIZHAN_SEED']}, share {os.environ['YIZHAN_PROOF_SHARE']}")
        print("repeat with: YIZHAN_SEED=… YIZHAN_PROOF_SHARE=… ./dev proof")
    parts = (*PARTS, LARGE) if mode == "proof" else PARTS
    outcomes = [run(part, mode) for part in parts if not names or part.name in names]
    if (other := os.environ.get("YIZHAN_OTHER_PYTHON")) and mode == "proof" and not names:
        outcomes.append(run(OTHER, "test", other))
    late = [o for o in outcomes if mode == "test" and o.took_s > o.part.budget_s]
    print()
    for o in outcomes:
        budget = f"of {o.part.budget_s} s" if mode == "test" else ""
        over = "  OVER BUDGET" if o in late else ""
        spent = f"{o.took_s:6.1f} s {budget:10} {o.busy_s:6.1f} s busy"
        print(f"{o.part.name:10} {spent} {o.passed:5} passed {o.failed:3} failed{over}")
    total = [
        sum(values)
        for values in zip(*((o.passed, o.failed, o.skipped) for o in outcomes), strict=True)
    ]
    unsteady = [name for o in outcomes for name in o.unsteady]
    for name in unsteady:
        print(f"UNSTEADY, failed beside the others and passed alone: {name}")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    grown = any(o.busy_s > FAILS_AT * CORES * o.part.budget_s for o in late)
    bad = grown or len(unsteady) > UNSTEADY_MAX or any(o.code for o in outcomes)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

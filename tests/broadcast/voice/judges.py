"""What foreign judges make of the same texts: `python -m tests.broadcast.voice.judges [--new]`.

`wetext` (the runtime of WeTextProcessing) reads every phrase of `cases.toml`; `pypinyin` says how
every text that is shipped to be spoken is pronounced, and espeak's phonemes for our spelling are
held against those for its pinyin. Where a judge disagrees, `judged.tsv` says who is right and why.
The command prints the counts and ends with 1 while anything is undecided, or decided for nothing;
`--new` prints the lines that are missing.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from broadcast.voice.espeak import EspeakVoice
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.normalise import normalise
from broadcast.voice.readings_zh import LETTERS, STRENGTH
from drivers.data_files import config_path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TABLE = HERE / "judged.tsv"
TEXTS = ROOT / "gateway" / "texts" / "zh.toml"
# Who is right: 'theirs' only where the case says why ours stays all the same.
RIGHT = ("ours", "theirs", "both")

PHRASES_MIN = 600
# A value with Chinese in it, in a data file (templates among them are no TOML yet).
SPOKEN = re.compile(r'(?:=|\[|,)\s*"([^"\n]*[一-鿿][^"\n]*)"')

# Lines that quote their source: nobody says them.
QUOTED = re.compile(r"\s*(?:document|url|rows|serial|source)\b")


class Decision(NamedTuple):
    """One disagreement: of which judge, over which text, and who is right."""

    judge: str
    text: str
    ours: str
    theirs: str
    right: str
    why: str


def decisions() -> list[Decision]:
    """The table; of pypinyin its texts are words."""
    lines = TABLE.read_text("utf-8").splitlines()[1:]
    return [Decision(*line.split("\t")) for line in lines if line]


def phrases() -> list[tuple[str, str]]:
    """What is written, and how people read it."""
    groups = tomllib.loads((HERE / "cases.toml").read_text("utf-8"))
    return [(text, said) for group in groups.values() for text, said in group.items()]


def plain(said: str) -> str:
    """What two readers must agree on: no pauses, 幺 is 一, 两 is 二, letters by their names."""
    named = re.sub(r"[A-Za-z]", lambda found: LETTERS[found[0].upper()], said)
    kept = "".join(sign for sign in named if "一" <= sign <= "鿿")
    return kept.translate(str.maketrans("幺两〇", "一二零"))


@cache
def reader() -> Any:
    """wetext's Chinese normaliser."""
    from wetext import Normalizer  # noqa: PLC0415  # half a second, for whoever asks it

    return Normalizer(lang="zh", operator="tn")


def read(texts: Iterable[str]) -> Iterator[Decision]:
    """Where wetext reads a phrase otherwise."""
    for text in texts:
        ours, theirs = normalise(text), str(reader().normalize(text))
        if plain(ours) != plain(theirs):
            yield Decision("wetext", text, ours, theirs, "?", "")


def shipped(*, spoken: bool = False) -> list[str]:
    """Every text of config/, of the kiosk's speech and of the catalogues, by its clauses.

    `spoken`: those alone that are said as they stand.
    """
    said = [*ROOT.glob("config/[vsr]*/*.toml"), ROOT / "kiosk" / "speech" / "zh.toml"]
    files = said if spoken else [*said, *ROOT.glob("config/**/*.toml"), TEXTS]
    lines = [
        line
        for path in files
        if path.name not in {"lexicon.toml", "cn.toml"}
        for line in path.read_text("utf-8").splitlines()
        if not QUOTED.match(line)
    ]
    return clauses({text for line in lines for text in SPOKEN.findall(line)})


def clauses(texts: Iterable[str]) -> list[str]:
    """What is said in one breath each."""
    said = (
        re.split(f"[{STRENGTH}]", normalise(re.sub(r"\{[^}]*\}", "，", text))) for text in texts
    )
    return sorted({clause for parts in said for clause in parts if clause})


def pinyin(clause: str) -> list[str]:
    """pypinyin's syllables; 一 and 不 change their tone as it says, the others do not.

    The third tone before a third one is the voice's own business.
    """
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  # its dictionary is large

    kept, changed = (
        lazy_pinyin(clause, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=sandhi)
        for sandhi in (False, True)
    )
    return [
        after if sign in "一不" else before
        for sign, before, after in zip(clause, kept, changed, strict=True)
    ]


def phonemes(lines: Sequence[str]) -> list[list[str]]:
    """What espeak would say of each line, by syllables: sounds and tone (5: the light one)."""
    espeak = EspeakVoice(Lexicon({}))
    said = subprocess.run(
        [*espeak.command("zh"), "-q", "-x"],
        input="\n\n".join(f"{line}。" for line in lines),
        text=True,
        capture_output=True,
        check=True,
        timeout=120,
    ).stdout
    found = [
        [re.sub("11|22|33|44", "5", each) for each in line.replace("'", "").split()]
        for line in said.splitlines()
        if line.strip()
    ]
    assert len(found) == len(lines), (len(found), len(lines))
    return found


def pronounced(texts: Sequence[str], lexicon: Lexicon) -> Iterator[Decision]:
    """Where espeak, by our spelling, pronounces a character otherwise than pypinyin."""
    wanted = [pinyin(text) for text in texts]
    spoken = phonemes([lexicon.spelt(text) for text in texts] + [" ".join(one) for one in wanted])
    for text, theirs, ours, right in zip(
        texts, wanted, spoken[: len(texts)], spoken[len(texts) :], strict=True
    ):
        if not len(text) == len(ours) == len(right):
            yield Decision("pypinyin", text, " ".join(ours), " ".join(theirs), "?", "")
            continue
        for at, (mine, other) in enumerate(zip(ours, right, strict=True)):
            if mine != other:
                around = f"{text[:at]}[{text[at]}]{text[at + 1 :]}"
                yield Decision("pypinyin", around, mine, theirs[at], "?", "")


def decided(row: Decision, known: Iterable[Decision]) -> Decision | None:
    """The line that decides it: of this text, or of a word that holds the character there."""
    for each in known:
        if each.judge != row.judge:
            continue
        if each.text == row.text:
            return each
        if each.judge == "pypinyin" and "[" in row.text:
            before, sign, after = re.split(r"[\[\]]", row.text)
            spans = (m.span() for m in re.finditer(re.escape(each.text), before + sign + after))
            holds = any(first <= len(before) < last for first, last in spans)
            if holds and row.theirs in each.theirs.split():
                return each
    return None


def main() -> int:
    """Print the counts, and what is undecided."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new", action="store_true", help="print the lines that are missing")
    asked = parser.parse_args()
    known, left = decisions(), []
    texts, spoken = [text for text, _ in phrases()], shipped()
    for judge, over, rows in (
        ("wetext", texts, list(read(texts))),
        ("pypinyin", spoken, list(pronounced(spoken, Lexicon.load(config_path("voices"))))),
    ):
        by = [decided(row, known) for row in rows]
        counts = ", ".join(f"{sum(each.right == r for each in by if each)} {r}" for r in RIGHT)
        print(f"{judge}: {len(over)} texts, {len(rows)} disagreements ({counts}), ", end="")
        print(f"{by.count(None)} undecided")
        left += [row for row, each in zip(rows, by, strict=True) if each is None]
        for each in known:
            if each.judge == judge and each not in by:
                print(f"  no disagreement any more: {each.text}")
                left.append(each)
    if asked.new:
        for row in left:
            print("\t".join(row))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

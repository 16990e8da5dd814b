"""Foreign judges of how texts are read and pronounced; every disagreement is decided."""

import tomllib

import pytest

from broadcast.voice.lexicon import Lexicon
from broadcast.voice.normalise import normalise
from drivers.data_files import config_path
from tests.broadcast.voice import judges
from tests.broadcast.voice.judges import RIGHT, Decision, decided, decisions

LEXICON = Lexicon.load(config_path("voices"))

ALOUD = tomllib.loads(judges.HERE.joinpath("aloud.toml").read_text("utf-8"))["aloud"]


def test_there_are_as_many_phrases_as_promised():
    assert len(judges.phrases()) >= judges.PHRASES_MIN


def test_every_disagreement_with_wetext_is_decided_and_none_is_decided_for_nothing():
    known = decisions()
    rows = list(judges.read([text for text, _ in judges.phrases()]))
    by = [decided(row, known) for row in rows]
    undecided = [row.text for row, each in zip(rows, by, strict=True) if each is None]
    assert undecided == []
    assert [each.text for each in known if each.judge == "wetext" and each not in by] == []


def test_decisions_say_what_we_say_and_why():
    said = dict(judges.phrases())
    for row in decisions():
        assert row.right in RIGHT, row
        assert row.why, row
        if row.judge == "wetext":
            assert row.ours == said[row.text] == normalise(row.text), row
            assert judges.plain(row.ours) != judges.plain(row.theirs), row


def test_an_undecided_disagreement_is_found():
    (row,) = judges.read(["室温-3.25℃"])
    assert decided(row, decisions()) is None
    (found,) = judges.pronounced(["看长势"], Lexicon({"长势": "chang2 shi4"}))
    assert (found.text, found.theirs) == ("看[长]势", "zhang3")
    assert decided(found, decisions()) is None
    assert decided(found, [Decision("pypinyin", "长势", "", "zhang3", "both", "x")])


@pytest.mark.parametrize("text", ALOUD)
def test_an_emergency_is_pronounced_as_people_do(text):
    spelt = LEXICON.spelt(normalise(text).translate(QUIET))
    ours, right = judges.phonemes([spelt, ALOUD[text]])
    assert ours == right


QUIET = str.maketrans(dict.fromkeys("，。、", " "))


def test_nothing_that_is_shipped_to_be_spoken_is_left_to_chance():
    known = decisions()
    rows = judges.pronounced(judges.shipped(spoken=True), LEXICON)
    assert [row.text for row in rows if decided(row, known) is None] == []


@pytest.mark.proof
def test_nothing_that_is_shipped_at_all_is_left_to_chance(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["judges"])
    code = judges.main()
    with capsys.disabled():
        print(capsys.readouterr().out)
    assert code == 0

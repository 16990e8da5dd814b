"""`yizhan voice`, as a person and as a program uses it."""

import json

import pytest

from broadcast.clips.clip import is_canonical
from gateway.cli import main


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


def test_a_text_is_shown_as_it_is_read(capsys, tmp_path):
    assert main(["voice", "read", "14:30去银行"]) == 0
    assert capsys.readouterr().out == "十四点三十分去银行\n十四点三十分去 yin2 hang2 \n"
    (tmp_path / "voices").mkdir()
    own = tmp_path / "voices" / "lexicon.toml"
    own.write_text('[readings]\n"六里屯" = "liu4 li3 tun2"\n', "utf-8")
    assert main(["voice", "read", "六里屯", "--config", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spelt"].strip() == "liu4 li3 tun2"


def test_a_text_is_said_into_a_file(capsys, tmp_path):
    target = tmp_path / "停水.wav"
    assert main(["voice", "say", "停水", "-o", str(target), "--piper", "/nope"]) == 0
    assert is_canonical(target)
    out, err = capsys.readouterr()
    assert str(target) in out
    assert "piper did not speak" in err


def test_each_voice_is_tried_and_a_mute_one_is_a_no(capsys):
    assert main(["voice", "check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(each["engine"], each["language"]) for each in found} == {
        ("espeak", "zh"),
        ("espeak", "en"),
    }
    assert all(each["speaks"] and abs(each["lufs"] + 16) <= 1 for each in found)
    assert main(["voice", "check", "--sherpa", "/nope"]) == 1
    assert "program or the model" in capsys.readouterr().out


def test_voices_are_listed(capsys):
    assert main(["voice", "list", "--sherpa", "/nope"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [["sherpa", "zh", "no"], ["espeak", "en", "yes"], ["espeak", "zh", "yes"]]


def test_nothing_to_say_is_a_no_with_a_reason(capsys):
    assert main(["voice", "read", "😀"]) == 1
    assert "nothing to be said" in capsys.readouterr().err


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["voice", "--help"])
    assert "yizhan voice check" in capsys.readouterr().out

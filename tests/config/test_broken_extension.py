"""A broken file in an extension is told, and nothing else fails by it."""

from pathlib import Path

import pytest

from gateway.config.load import salvage

SETTINGS = Path(__file__).parents[1] / "fixtures" / "0.1.0" / "config"


def test_a_broken_rule_of_an_extension_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "config" / "rules"
    rules.mkdir(parents=True)
    (rules / "broken.toml").write_text("x = =")
    monkeypatch.setenv("YIZHAN_EXTENSIONS", str(tmp_path))

    _, told = salvage((SETTINGS / "station.toml").read_bytes(), SETTINGS)

    assert any("broken" in str(mistake) for mistake in told)

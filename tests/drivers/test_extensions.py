"""Folders beside the product that registries search."""

import os
from pathlib import Path

import pytest

from drivers.extensions import EXTENSIONS_VARIABLE, extension_folders


def test_without_the_variable_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXTENSIONS_VARIABLE, raising=False)
    assert extension_folders("config", "services") == []


def test_they_come_in_order_and_only_where_the_folder_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a" / "config" / "services").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "c" / "config" / "services").mkdir(parents=True)
    roots = [str(tmp_path / name) for name in "cba"]
    monkeypatch.setenv(EXTENSIONS_VARIABLE, os.pathsep.join(roots))
    found = extension_folders("config", "services")
    assert found == [tmp_path / "c/config/services", tmp_path / "a/config/services"]


@pytest.mark.parametrize("words", ["", ":", "extensions", ".:relative/folder"])
def test_what_is_no_absolute_path_is_not_searched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str
) -> None:
    (tmp_path / "extensions").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(EXTENSIONS_VARIABLE, words)
    assert extension_folders() == []

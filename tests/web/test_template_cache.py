"""Templates are compiled once: what lies beside them is used, and never believed blindly."""

import shutil
from pathlib import Path

import jinja2
import pytest

from gateway.web.template_cache import check_templates, compile_templates, template_environment

ROOT = Path(__file__).parents[2]
PAGE = "<p>{{ word }}</p>"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one template; bytecode goes beside it, wherever this run puts its own."""
    monkeypatch.setattr("sys.pycache_prefix", None)
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    return tmp_path


def said(folder: Path, *, write: bool = True) -> str:
    made = template_environment(jinja2.FileSystemLoader(folder), write=write)
    return made.get_template("page.html").render(word="<好>")


def kept(folder: Path) -> list[Path]:
    return list((folder / "__pycache__").glob("*"))


def uncompilable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(jinja2.Environment, "compile", refuse)


def test_what_was_compiled_is_used_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compile_templates([folder]) == 1
    uncompilable(monkeypatch)
    assert said(folder) == "<p>&lt;好&gt;</p>"


def test_a_changed_text_is_compiled_again(folder: Path) -> None:
    said(folder)
    (folder / "page.html").write_text("<b>{{ word }}</b>", "utf-8")
    assert said(folder) == "<b>&lt;好&gt;</b>"


@pytest.mark.parametrize("keep", [0, 10, 64, 70, -5])
def test_a_torn_file_is_compiled_again(folder: Path, keep: int) -> None:
    said(folder)
    (path,) = kept(folder)
    path.write_bytes(path.read_bytes()[:keep])
    assert said(folder) == "<p>&lt;好&gt;</p>"


def test_what_has_proved_itself_is_loaded_when_it_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "other.html").write_text("{% if word %}{% endif %}", "utf-8")
    check_templates(template_environment(jinja2.FileSystemLoader(folder), write=True))
    uncompilable(monkeypatch)
    again = template_environment(jinja2.FileSystemLoader(folder), write=True)
    check_templates(again)
    assert not list(again.cache.items()), "nobody has asked for a page"
    assert again.get_template("page.html").render(word="好") == "<p>好</p>"


def test_what_has_become_wrong_is_found_out(folder: Path) -> None:
    said(folder)
    (folder / "page.html").write_text("{% if %}", "utf-8")
    with pytest.raises(jinja2.TemplateSyntaxError):
        check_templates(template_environment(jinja2.FileSystemLoader(folder), write=True))


def test_nothing_is_written_where_python_writes_nothing(folder: Path) -> None:
    said(folder, write=False)
    assert not kept(folder)


def test_a_folder_that_is_not_ours_is_no_reason_to_fail(folder: Path) -> None:
    (folder / "__pycache__").write_text("in the way")  # as good as read-only, also for root
    assert said(folder) == "<p>&lt;好&gt;</p>"


def test_every_template_of_the_station_compiles(tmp_path: Path) -> None:
    """What the package does when it is installed."""
    for room in ("broadcast", "gateway", "kiosk"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=_only_templates)
    assert compile_templates([tmp_path]) >= len(list((ROOT / "gateway").rglob("*.html")))


def _only_templates(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not (Path(folder) / name).is_dir() and name[-5:] != ".html"}

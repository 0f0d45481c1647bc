"""What the commands say when they cannot do what they are asked, and what they need to run at all."""

import ast
from pathlib import Path

import pytest

from ops.backup.__main__ import main
from ops.backup.encryption import Seal

PACKAGE = Path(__file__).parents[3] / "ops" / "backup"
# Loaded only for an installation of `make up`.
WITH_THE_STACK = {"embedded.py", "recovery.py"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("BRIGHTRUN_BACKUP_TO", "BRIGHTRUN_BACKUP_RECIPIENTS", "BRIGHTRUN_BACKUP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "backups").mkdir()
    return tmp_path


@pytest.mark.parametrize(("arguments", "said", "fix"), [
    (["list"], "Nobody said where backups lie", "BRIGHTRUN_BACKUP_TO"),
    (["create", "--to", "{tmp}/backups"], "There is no installation", "make up"),
    (["create", "--to", "{tmp}/data/inside"], "lies in the state", "elsewhere"),
    (["restore", "--from", "{tmp}/typo"], "There is no folder", "holds the backups"),
    (["restore", "--from", "{tmp}/backups"], "There is no backup in", "make backup"),
    (["restore", "--from", "{tmp}/backups", "--until", "2026-11-28T10:00", "--only-backup"], "exclude", "one of them"),
    (["restore", "--from", "{tmp}/backups", "--identity", "{tmp}/none"], "cannot be used", "`key`"),
    (["verify", "--from", "{tmp}/backups"], "There is no backup in", "make backup"),
])
def test_what_cannot_be_done_is_said_with_what_to_do(
    own_state: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str, fix: str
) -> None:
    assert main([argument.format(tmp=own_state) for argument in arguments]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert fix in told.split("->")[1]


def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BRIGHTRUN_BACKUP_KEEP_DAYS", "many")
    assert main(["list"]) == 1
    assert "BRIGHTRUN_BACKUP_KEEP_DAYS" in capsys.readouterr().err


def test_an_address_of_a_database_that_is_none_is_told_without_its_password(
    own_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIGHTRUN_BACKUP_DATABASE_URL", "postgresql:swordfish")
    assert main(["create", "--to", str(own_state / "backups")]) == 1
    told = capsys.readouterr().err
    assert "BRIGHTRUN_BACKUP_DATABASE_URL" in told
    assert "swordfish" not in told


def test_a_place_without_backups_is_no_error(own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--from", str(own_state / "backups")]) == 0
    assert "There is no backup in" in capsys.readouterr().out
    assert main(["prune", "--from", str(own_state / "backups")]) == 0


def test_a_place_where_an_installation_is_is_never_restored_over(
    own_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ops.backup.errors import BackupError
    from ops.backup.restore import refuse_unless_empty

    (own_state / "data").mkdir()
    (own_state / "data" / "secrets.json").write_text("{}")
    with pytest.raises(BackupError, match="There is an installation") as caught:
        refuse_unless_empty(own_state / "data")
    assert "make reset" in caught.value.fix


def test_what_an_interrupted_restore_left_is_removed(own_state: Path) -> None:
    from ops.backup.restore import refuse_unless_empty

    (own_state / "data" / "pg" / "base").mkdir(parents=True)
    refuse_unless_empty(own_state / "data")
    assert not (own_state / "data" / "pg").exists()


def test_a_key_is_made_and_its_public_half_told(own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", str(own_state / "backup.key")]) == 0
    public = capsys.readouterr().out.split("BRIGHTRUN_BACKUP_RECIPIENTS=")[1].strip()
    assert Seal.of([public], own_state / "backup.key").suffix == ".age"
    assert main(["key", str(own_state / "backup.key")]) == 1


def test_an_image_without_the_stack_can_back_up() -> None:
    """Whatever is imported when a module is loaded is there; the stack is asked for only where it is."""
    for path in PACKAGE.glob("*.py"):
        found = {name for node in ast.parse(path.read_text()).body for name in _imported(node)}
        needs_stack = any(name.split(".")[0] == "stack" for name in found)
        assert needs_stack == (path.name in WITH_THE_STACK), path.name
        assert not found & {"ops.backup.embedded", "ops.backup.recovery"}, path.name


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []

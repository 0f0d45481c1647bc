"""Nobody else on the machine reads jobs, files, logs or keys, whatever the umask of the shell."""

import os
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.parts.postgres import unprivileged_account
from stack.private_files import private_folder
from tests.stack.places import Place

ALL_SERVERS = "postgres,nats,valkey,s3,topology"


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    place.furnish()
    yield place
    place.run("down")


def open_to_others(folder: Path) -> set[str]:
    """What below the folder grants anything to a group or to others."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    }


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "made by an earlier release"])
def test_the_state_is_closed_to_others(place, earlier):
    for name in ("s3", "logs", "pods", "nats") if earlier else ():
        (place.data / name).mkdir(parents=True, mode=0o755)
    started = place.run("up", "--only", ALL_SERVERS)
    assert started.returncode == 0, started.stderr
    assert open_to_others(place.data) == set()
    assert place.data.stat().st_mode & 0o067 == 0


def test_roots_postgres_may_walk_into_the_state_and_nobody_else(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's PostgreSQL runs as that user")
    layout = Layout(tmp_path / ".data")
    layout.make_folders()
    found = layout.data.stat()
    assert (oct(found.st_mode)[-3:], found.st_gid) == ("710", unprivileged_account().pw_gid)


def test_a_private_folder_is_closed_with_everything_made_above_it(tmp_path):
    before = os.umask(0)
    try:
        private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode)[-3:] for path in (tmp_path / "a", tmp_path / "a" / "b")} == {"700"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as the other user here")
def test_a_socket_folder_that_another_user_made_first_is_refused(tmp_path):
    layout = Layout(tmp_path / ("long" * 25) / ".data")
    folder = layout.socket.parent
    assert folder.parent == Path("/tmp")
    folder.mkdir()
    try:
        os.chown(folder, unprivileged_account().pw_uid, -1)
        with pytest.raises(PermissionError, match=folder.name):
            layout.make_folders()
    finally:
        folder.rmdir()

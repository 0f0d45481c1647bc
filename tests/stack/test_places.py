"""The servers start wherever a person has put the checkout, or the refusal says what to do."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.parts.postgres import may_enter, unprivileged_account
from tests.stack.places import VERSION, Place

SERVERS = "postgres,nats,valkey,s3"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the folders of others")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: that one is closed to other users already."""
    path = Path(tempfile.mkdtemp(prefix="brightrun-place-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def ordinary_user() -> Iterator[str]:
    name = f"brightrun-test-{os.getpid()}"
    made = subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/false", name], capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"no user can be made here: {made.stderr.decode().strip()}")
    yield name
    subprocess.run(["userdel", name], check=True)


def python_for_everybody() -> str:
    """An interpreter of this version that an ordinary user may start; a virtual environment's may lie under /root."""
    for path in (sys.executable, f"/usr/local/bin/{VERSION}", f"/usr/bin/{VERSION}"):
        if Path(path).exists() and may_enter(unprivileged_account(), Path(path).resolve().parent):
            return path
    pytest.skip(f"every {VERSION} here lies in a folder closed to other users")


def start_and_stop(place: Place) -> None:
    place.furnish()
    try:
        started = place.run("up", "--only", SERVERS)
        assert started.returncode == 0, started.stdout + started.stderr
        programs = json.loads(place.run("status", "--json").stdout)["programs"]
        assert {row["name"]: row["ready"] for row in programs} == dict.fromkeys(SERVERS.split(","), True)
    finally:
        place.run("down")


@as_root
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_in_the_private_home_of_root(folder, umask):
    folder.chmod(0o700)
    start_and_stop(Place(folder, umask=umask))


@as_root
def test_in_the_private_home_of_an_ordinary_user(folder, ordinary_user):
    folder.chmod(0o700)
    start_and_stop(Place(folder, user=ordinary_user, umask=0o077, python=python_for_everybody()))


@pytest.mark.parametrize("name", ["mit Leerzeichen und Ümläuten", "tief" * 25], ids=["spaces", "long"])
def test_in_a_folder_called(folder, name):
    (folder / name).mkdir()
    start_and_stop(Place(folder / name))


@as_root
def test_in_a_checkout_that_cannot_be_written(folder):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mounts can be made here")
    start_and_stop(Place(folder, read_only=True))


@as_root
@pytest.mark.parametrize(
    ("mode", "umask", "kept"), [(0o755, 0o022, 0), (0o700, 0o022, 1), (0o700, 0o077, 1)], ids=["open", "closed", "077"]
)
def test_postgres_keeps_as_little_of_root_as_the_place_allows(folder, mode, umask, kept):
    """The number of capabilities of the running server."""
    folder.chmod(mode)
    place = Place(folder, umask=umask)
    place.furnish()
    try:
        assert place.run("up", "--only", "postgres").returncode == 0
        [program] = json.loads(place.run("status", "--json").stdout)["programs"]
        status = dict(line.split(":\t") for line in Path(f"/proc/{program['pid']}/status").read_text().splitlines())
        assert status["Uid"].split()[0] == str(unprivileged_account().pw_uid)
        assert int(status["CapEff"], 16).bit_count() == int(status["CapPrm"], 16).bit_count() == kept
    finally:
        place.run("down")

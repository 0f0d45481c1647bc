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

from stack.parts import free_port
from stack.parts.postgres import may_enter, unprivileged_account
from stack.programs import ALL
from tests.stack.places import SOURCES, VERSION, Place

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


def start_and_stop(place: Place, programs: str = SERVERS) -> int:
    """How many capabilities PostgreSQL ran with."""
    place.furnish()
    try:
        started = place.run("up", "--only", programs, BRIGHTRUN_PORT=str(free_port()))
        assert started.returncode == 0, started.stdout + started.stderr
        found = json.loads(place.run("status", "--json").stdout)["programs"]
        assert {row["name"]: row["ready"] for row in found} == dict.fromkeys(programs.split(","), True)
        return capabilities_of(next(row["pid"] for row in found if row["name"] == "postgres"))
    finally:
        place.run("down")


def capabilities_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t") for line in lines)
    assert "0" not in status["Uid"].split(), "PostgreSQL never runs as root"
    return int(status["CapPrm"], 16).bit_count()


@as_root
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
@pytest.mark.slow
def test_in_the_private_home_of_root(folder, umask):
    folder.chmod(0o700)
    assert start_and_stop(Place(folder, umask=umask)) == 1, "one capability of root's is needed, and no other is kept"


@as_root
@pytest.mark.slow
def test_everything_in_the_private_home_of_root_with_private_files(folder):
    folder.chmod(0o700)
    start_and_stop(Place(folder, umask=0o077, sources=(*SOURCES, "services", "trainer_image")), ",".join(ALL))


@as_root
@pytest.mark.slow
def test_in_the_private_home_of_an_ordinary_user(folder, ordinary_user):
    folder.chmod(0o700)
    assert start_and_stop(Place(folder, user=ordinary_user, umask=0o077, python=python_for_everybody())) == 0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("mit Leerzeichen und Ümläuten", id="umlauts", marks=pytest.mark.slow),
        pytest.param("Bright & Run's (1)", id="signs"),
        pytest.param("tief" * 25, id="long", marks=pytest.mark.slow),
    ],
)
def test_in_a_folder_called(folder, name):
    (folder / name).mkdir()
    (folder / name).chmod(0o755)
    assert start_and_stop(Place(folder / name)) == 0, "an open folder needs no capability"


@pytest.mark.slow
@as_root
def test_in_a_checkout_that_cannot_be_written(folder):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mounts can be made here")
    start_and_stop(Place(folder, read_only=True))


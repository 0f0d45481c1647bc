"""`pip install brightrun`: the client with its few packages, in an environment that has nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES_ONLY = {"torch", "transformers", "sqlalchemy", "faststream", "fastapi", "nats-py", "numpy", "tokenizers"}


class Client:
    """An empty environment with the wheel and what requirements/client.lock holds."""

    def __init__(self, folder: Path, uv: Path) -> None:
        self.folder, self.uv = folder / "client", uv
        self.run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
        self.run(uv, "venv", "--quiet", "--python", sys.executable, self.folder)
        locked = ("--require-hashes", "--requirement", ROOT / "requirements" / "client.lock")
        if self.install("--offline", *locked, check=False).returncode != 0:
            self.install(*locked)
        self.install("--no-deps", "--offline", next(folder.glob("brightrun-*.whl")))

    def install(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        python = self.folder / "bin" / "python"
        return self.run(self.uv, "pip", "install", "--quiet", "--python", python, *arguments, check=check)

    def python(self, code: str) -> str:
        return self.run(self.folder / "bin" / "python", "-c", code).stdout

    def brightrun(self, *arguments: object, **variables: str) -> str:
        return self.run(self.folder / "bin" / "brightrun", *arguments, **variables).stdout

    def run(
        self, *arguments: object, check: bool = True, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Outside of the checkout, whose folders are no part of the wheel."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=cwd or self.folder.parent,
            env=environment | variables,
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Client:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python; `make setup` installs it")
    return Client(tmp_path_factory.mktemp("distribution"), uv)


def test_no_package_of_services_or_trainer_comes_with_it(client) -> None:
    python = client.folder / "bin" / "python"
    listed = client.run(client.uv, "pip", "list", "--quiet", "--format", "json", "--python", python).stdout
    found = {package["name"] for package in json.loads(listed)}
    assert {"brightrun", "httpx", "pydantic", "typer", "rich"} <= found
    assert not found & SERVICES_ONLY
    assert len(found) < 25


def test_the_wheel_holds_the_client_and_the_contracts_alone(client) -> None:
    code = "from importlib.metadata import files; print(*{f.parts[0] for f in files('brightrun') if f.suffix == '.py'})"
    assert set(client.python(code).split()) == {"brightrun", "contracts"}


def test_every_module_of_client_and_contracts_can_be_imported(client) -> None:
    code = (
        "import importlib, pkgutil, brightrun, contracts\n"
        "for package in (brightrun, contracts):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print('all')"
    )
    assert client.python(code) == "all\n"


def test_the_command_line_helps_and_checks_a_file(client) -> None:
    assert "validate" in client.brightrun("--help")
    shutil.copy(ROOT / "examples" / "sample.json", client.folder.parent)
    assert "93 records: 45 trainable" in client.brightrun("validate", "sample.json")


def test_a_tokenizer_at_hand_without_its_package_is_no_error(client, tmp_path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    shutil.copy(ROOT / "examples" / "sample.json", client.folder.parent)
    assert "about" in client.brightrun("validate", "sample.json", BASE_MODEL=str(tmp_path))

"""What the lock files promise: exact versions with hashes, no place named, no CUDA in the default installation."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stack.install import locks
from stack.layout import ROOT


def requirements(path: Path) -> list[Requirement]:
    lines = re.findall(r"^[^#\s].*$", path.read_text(), re.MULTILINE)
    return [Requirement(line.removesuffix("\\").strip()) for line in lines]


def names(path: Path) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(path)}


def pins(path: Path) -> set[str]:
    return {f"{found.name}{found.specifier}" for found in requirements(path)}


@pytest.fixture(params=locks.ALL, ids=lambda path: path.name)
def lock(request) -> Path:
    return request.param


def test_every_file_was_made_from_the_present_dependencies() -> None:
    assert locks.outdated() == []


def test_a_changed_dependency_is_noticed_and_a_changed_comment_is_not(monkeypatch, tmp_path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text(text + "\n# a comment\n")
    assert locks.outdated() == []
    (tmp_path / "pyproject.toml").write_text(text.replace('"uvicorn",', '"uvicorn>=1",'))
    assert locks.outdated() == list(locks.ALL)


def test_each_requirement_is_exact_and_has_a_hash(lock) -> None:
    assert all([clause.operator for clause in found.specifier] == ["=="] for found in requirements(lock))
    blocks = re.split(r"^(?=[^#\s])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(requirements(lock))
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_no_file_names_an_index_or_a_folder(lock) -> None:
    assert not re.search(r"https?:|file:|@ |--(extra-)?index|--find-links|\s/\w", lock.read_text())


def test_the_default_installation_has_no_cuda_and_leaves_torch_to_its_own_step() -> None:
    found = {name for name in names(locks.DEVELOPMENT) if name.startswith(("nvidia-", "cuda-", "triton", "torch"))}
    assert found == {"nvidia-ml-py"}
    assert {"torch", "triton", "nvidia-cublas"} <= names(locks.TORCH_CUDA)


def test_both_builds_of_torch_have_one_version() -> None:
    found = {
        path.name: {str(r.specifier).removesuffix("+cpu") for r in requirements(path) if r.name == "torch"}
        for path in (locks.TORCH_CPU, locks.TORCH_CUDA)
    }
    assert len({version for versions in found.values() for version in versions}) == 1
    assert all(found.values())


def test_the_trainers_image_takes_torch_from_one_of_them() -> None:
    assert "torch" not in names(locks.TRAINER_IMAGE)
    assert "/tmp/torch-${TORCH}.lock" in (locks.ROOT / "trainer_image" / "Dockerfile").read_text()


@pytest.mark.parametrize("path", [locks.CLIENT, locks.SERVICES, locks.TRAINER_IMAGE], ids=lambda path: path.name)
def test_a_part_has_the_versions_of_the_whole(path) -> None:
    assert pins(path) <= pins(locks.DEVELOPMENT) | pins(locks.TORCH_CUDA)


def test_services_need_no_trainer_and_clients_no_services() -> None:
    assert not {"torch", "transformers", "peft", "trl", "datasets"} & names(locks.SERVICES)
    assert not {"sqlalchemy", "faststream", "fastapi", "numpy", "tokenizers"} & names(locks.CLIENT)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_each_supported_python_gets_exactly_one_version_of_each_package(python) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": "linux"}
    found = [
        canonicalize_name(requirement.name)
        for requirement in requirements(locks.DEVELOPMENT)
        if requirement.marker is None or requirement.marker.evaluate(here)
    ]
    assert len(found) == len(set(found))
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted = {canonicalize_name(Requirement(text).name) for text in groups["services"] + groups["stack"]}
    assert wanted <= set(found)

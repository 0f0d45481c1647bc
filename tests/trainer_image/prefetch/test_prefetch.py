"""A base model on a volume in 4 bits: the same weights, resumable, checked, and found without a hub."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from contracts.local_base_model import SHIPPED_BASE_MODEL
from tests.trainer_image.model_hub import COMMIT, REPOSITORY, ModelHub, Refusal, model_hub
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model
from trainer_image.model_store import MANIFEST, find_stored, folder_of, model_root

ROOT = Path(__file__).parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model in several files, as large ones lie on a hub."""
    folder = tmp_path_factory.mktemp("sharded")
    AutoModelForCausalLM.from_pretrained(SHIPPED_BASE_MODEL).save_pretrained(folder, max_shard_size="1MB")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).write_bytes((SHIPPED_BASE_MODEL / name).read_bytes())
    assert len(list(folder.glob("*.safetensors"))) > 2
    return folder


@pytest.fixture
def hub(sharded: Path) -> Iterator[ModelHub]:
    with model_hub(sharded) as started:
        yield started


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def prefetch(hub: ModelHub, volume: Path) -> Run:
    """The hub's client reads its settings when it is imported: each run is a process of its own."""
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": hub.url, "PYTHONPATH": str(ROOT), "BRIGHTRUN_PREFETCH_PATIENCE_S": "0"}
        environment |= variables
        command = [sys.executable, "-m", "trainer_image.prefetch", *(arguments or (REPOSITORY,)), "--to", str(volume)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def files_in(volume: Path) -> Path:
    return folder_of(model_root(volume), REPOSITORY) / COMMIT


def asked_for_weights(hub: ModelHub) -> list[str]:
    return [Path(path).name for path in hub.asked if path.endswith(".safetensors")]


def four_bit_weights(folder: Path) -> dict[str, torch.Tensor]:
    from bitsandbytes.functional import dequantize_4bit

    model = load_base_model(find_base_model(str(folder))).model
    return {name: dequantize_4bit(module.weight.data, module.weight.quant_state).float()
            for name, module in model.named_modules() if hasattr(getattr(module, "weight", None), "quant_state")}


@pytest.mark.slow
def test_its_weights_are_those_of_a_model_that_is_quantised_while_it_is_loaded(
    prefetch: Run, volume: Path, sharded: Path
) -> None:
    done = prefetch()
    assert done.returncode == 0, done.stderr
    there, loaded = four_bit_weights(files_in(volume)), four_bit_weights(sharded)
    assert there.keys() == loaded.keys()
    assert len(there) == 3 * 7
    # The source is stored in 16 bits and quantised from them; loading on a CPU quantises from 32: no difference.
    assert all(torch.equal(there[name], loaded[name].to(torch.float16).float()) or
               torch.allclose(there[name], loaded[name], rtol=1e-3, atol=1e-6) for name in there)
    assert sum(file.stat().st_size for file in files_in(volume).glob("*.safetensors")) < 0.75 * sum(
        file.stat().st_size for file in sharded.glob("*.safetensors"))


@pytest.mark.slow
def test_a_job_finds_it_without_a_hub(prefetch: Run, volume: Path, hub: ModelHub, monkeypatch: Any) -> None:
    assert prefetch(f"{REPOSITORY}@v1").returncode == 0
    monkeypatch.setenv("HF_HOME", str(volume))
    asked = len(hub.asked)
    for name in (REPOSITORY, f"{REPOSITORY}@v1", f"{REPOSITORY}@{COMMIT}"):
        base = find_base_model(name)
        assert (base.folder, base.name, base.revision) == (files_in(volume), REPOSITORY, COMMIT)
    assert load_base_model(base).quantization.stored
    assert len(hub.asked) == asked
    assert find_stored(REPOSITORY, "v2") is None
    assert find_stored("acme/other", None) is None


@pytest.mark.slow
def test_an_interrupted_one_goes_on_where_it_stopped(prefetch: Run, volume: Path, hub: ModelHub, sharded: Path) -> None:
    first, second, *_ = sorted(path.name for path in sharded.glob("*.safetensors"))
    hub.refused_path, hub.refusals = second, [Refusal(503)]
    failed = prefetch()
    assert failed.returncode == 1
    assert "goes on where it stopped" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not files_in(volume).exists()
    hub.refusals, hub.asked = [], []
    assert prefetch().returncode == 0
    assert first not in asked_for_weights(hub)
    assert second in asked_for_weights(hub)
    hub.asked.clear()
    assert "is there already" in prefetch().stdout
    assert not asked_for_weights(hub)


@pytest.mark.slow
def test_what_is_damaged_is_noticed(prefetch: Run, volume: Path, hub: ModelHub, monkeypatch: Any) -> None:
    assert prefetch().returncode == 0
    assert prefetch(REPOSITORY, "--verify").returncode == 0
    file = max(files_in(volume).glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    verified = prefetch(REPOSITORY, "--verify")
    assert verified.returncode == 1
    assert f"{file} is missing or damaged" in verified.stdout
    # cut off: a job does not use it at all, and fetching mends it
    file.write_bytes(content[:-1])
    monkeypatch.setenv("HF_HOME", str(volume))
    assert find_stored(REPOSITORY, None) is None
    assert prefetch().returncode == 0
    assert prefetch(REPOSITORY, "--verify").returncode == 0


@pytest.mark.slow
def test_other_bytes_than_the_hub_announces_are_refused(prefetch: Run, volume: Path, hub: ModelHub) -> None:
    hub.damaged = True
    failed = prefetch()
    assert failed.returncode == 1
    assert "arrived damaged" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not list(volume.rglob(MANIFEST))


def test_a_gated_model_says_what_is_missing(prefetch: Run, hub: ModelHub) -> None:
    hub.refusals = [Refusal(403, {"X-Error-Code": "GatedRepo"})]
    failed = prefetch()
    assert failed.returncode == 1
    assert "gated" in failed.stderr
    assert "HF_TOKEN" in failed.stderr


def test_a_folder_is_no_model_of_a_hub(prefetch: Run) -> None:
    failed = prefetch("./somewhere")
    assert failed.returncode == 1
    assert "is no hub id" in failed.stderr


@pytest.mark.slow
def test_a_model_that_is_quantised_already_is_refused(
    prefetch: Run, hub: ModelHub, tmp_path: Path, sharded: Path
) -> None:
    hub.folder = tmp_path / "quantised"
    hub.folder.mkdir()
    for path in sharded.iterdir():
        (hub.folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((sharded / "config.json").read_text())
    (hub.folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "gptq"}}))
    failed = prefetch()
    assert failed.returncode == 1
    assert "stored quantised already" in failed.stderr

"""What a person reads when a training fails."""

import errno
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from contracts.error_taxonomy import TrainingErrorType
from contracts.registry import parse_event
from tests.trainer_image.conftest import Bench
from trainer_image.data import read_conversations
from trainer_image.delivery.size import verify_adapter_size
from trainer_image.errors import DatasetError, NetworkLost, OutOfMemory, StorageFailed, classify

SITUATION = {"stage": "training", "step": 12, "tokens_at_once": 3888, "max_seq_length": 4096,
             "longest_conversation_tokens": 3888, "longest_conversation": "conversation 7 (id c-7)",
             "memory_used_gb": 79.1, "memory_total_gb": 79.6}


def torch_error(text: str) -> BaseException:
    class OutOfMemoryError(RuntimeError):
        pass

    return OutOfMemoryError(text)


@pytest.mark.parametrize("error", [
    torch_error("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
])
def test_lack_of_memory_is_told_with_its_figures(error: BaseException) -> None:
    failure = classify(error, SITUATION)
    assert isinstance(failure, OutOfMemory)
    assert str(failure) == (
        "Out of memory during training at step 12: at most 3,888 tokens at once, up to 4,096 a conversation; the "
        "longest, conversation 7 (id c-7), has 3,888; 79.1 of 79.6 GB were in use.")
    assert failure.context == SITUATION


@pytest.mark.parametrize(("error", "code"), [
    (torch_error("CUDA out of memory. Tried to allocate 2.00 GiB"), "gpu_out_of_memory"),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "gpu_out_of_memory"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."), "host_out_of_memory"),
    (MemoryError(), "host_out_of_memory"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "host_out_of_memory"),
    (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
    (ConnectionResetError("gone"), "network_lost"),
    (KeyError("x"), "unknown"),
])
def test_each_failure_has_its_code(error: BaseException, code: str) -> None:
    assert classify(error, SITUATION).error_code.value == code


def test_a_broken_record_is_named_with_its_pair_and_field() -> None:
    good = b'{"key": "a", "turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}\n'
    broken = (b'{"key": "b", "turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}, '
              b'{"role": "user", "content": "And?"}, {"role": "assistant"}]}\n')
    with pytest.raises(DatasetError) as caught:
        read_conversations([good, broken])
    assert caught.value.error_code.value == "dataset_format"
    assert caught.value.context == {"conversation": 2, "pair": 2, "field": "turns.3.content"}


def test_what_is_known_keeps_its_class() -> None:
    failure = classify(DatasetError("Line 3 is broken", line=3), SITUATION)
    assert isinstance(failure, DatasetError)
    assert failure.context["line"] == 3
    assert failure.context["step"] == 12


def test_lost_connections_and_the_unexpected() -> None:
    import httpx

    assert isinstance(classify(httpx.ConnectError("no"), SITUATION), NetworkLost)
    unknown = classify(KeyError("x"), {"stage": "finalization"})
    assert unknown.error_type is TrainingErrorType.UNKNOWN
    assert str(unknown) == "KeyError during finalization: 'x'"


async def failure_of(bench: Bench, **values: Any) -> dict[str, Any]:
    run = bench.run(**values).start()
    assert await run.finished() == 1
    failed = run.published("training.failed")
    assert len(failed) == 1
    assert "Traceback" not in failed[0]["message"]
    told = [parse_event_of(item) for item in bench.provisioner.result()]
    assert [event.data.message for event in told] == [failed[0]["message"]]
    return failed[0]


def parse_event_of(item: Any) -> Any:
    return parse_event(json.dumps(item).encode())


@pytest.mark.slow
async def test_a_base_model_that_is_not_there(bench: Bench) -> None:
    failed = await failure_of(bench, base_model="/nowhere/base")
    assert failed["error_type"] == "model_access"
    assert "/nowhere/base does not exist" in failed["message"]
    assert failed["retryable"] is False


@pytest.mark.slow
async def test_a_broken_line_of_the_training_file(bench: Bench) -> None:
    good = bench.provisioner.get("training_file", "conversations.jsonl").splitlines(keepends=True)
    sha256 = bench.provisioner.put("training_file", "conversations.jsonl", b"".join([*good[:2], b'{"key": "x"}\n']))
    failed = await failure_of(bench, training_file_sha256=sha256)
    assert (failed["error_type"], failed["error_code"]) == ("dataset", "dataset_format")
    assert "Line 3 of the training file" in failed["message"]
    assert failed["context"]["conversation"] == 3
    assert failed["context"]["versions"].keys() >= {"python", "torch", "peft"}


@pytest.mark.slow
async def test_another_file_than_the_one_that_was_checked(bench: Bench) -> None:
    failed = await failure_of(bench, training_file_sha256="0" * 64)
    assert (failed["error_type"], failed["error_code"]) == ("dataset", "dataset_unavailable")
    assert "is not the one that was checked" in failed["message"]


@pytest.mark.slow
async def test_the_time_limit_holds_without_anybody_outside(bench: Bench) -> None:
    failed = await failure_of(bench, overrides={"num_epochs": 50}, max_duration_s=4)
    assert (failed["error_type"], failed["error_code"]) == ("timeout", "time_limit")
    assert "time limit" in failed["message"]


@pytest.mark.slow
async def test_a_model_of_another_family(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(bench.base_model, folder)
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace("<|start_header_id|>", "<|im_start|>"))
    failed = await failure_of(bench, base_model=str(folder))
    assert failed["error_type"] == "model_access"
    assert "its tokenizer lacks <|start_header_id|>" in failed["message"]


@pytest.mark.slow
async def test_a_run_that_cannot_save_fails_after_its_first_steps(bench: Bench) -> None:
    signed = bench.provisioner.sign

    def refused(method: Any, area: str, key: str, job_id: Any = None) -> Any:
        url = signed(method, area, key, job_id)
        return url.model_copy(update={"url": url.url[:-4] + "0000"}) if area == "checkpoints" else url

    bench.provisioner.sign = refused  # type: ignore[method-assign]
    failed = await failure_of(bench, overrides={"num_epochs": 50})
    assert (failed["error_type"], failed["retryable"]) == ("storage", False)
    assert "upload of a1/step-1/" in failed["message"]
    assert "the storage answered 403" in failed["message"]


def test_an_adapter_that_no_storage_takes_is_known_before_the_training() -> None:
    import torch

    adapter = torch.nn.Linear(1024, 6 * 1024)  # 25.2 MB
    verify_adapter_size(adapter, 52, largest=64 * 1024**2)
    with pytest.raises(StorageFailed, match="An adapter of rank 52") as caught:
        verify_adapter_size(adapter, 52, largest=36 * 1024**2)
    assert caught.value.suggested_fix == "Choose a lora_rank of at most 43, then start again."


def test_a_full_disk_is_no_unexpected_error() -> None:
    failure = classify(OSError(errno.ENOSPC, "No space left on device"), {"stage": "finalization"})
    assert isinstance(failure, StorageFailed)
    assert "No space is left on the machine's disk during finalization" in str(failure)


@pytest.fixture
def broken_base(bench: Bench, tmp_path: Path) -> Path:
    """A base whose every loss is no number."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "broken"
    shutil.copytree(bench.base_model, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.slow
async def test_a_diverged_training_stops_after_three_losses(bench: Bench, broken_base: Path) -> None:
    run = bench.run(base_model=str(broken_base)).start()
    assert await run.finished() == 1
    warnings = [warning for warning in run.published("training.warning") if warning["code"] == "loss_not_finite"]
    assert [warning["step"] for warning in warnings] == [1]
    losses = [value for batch in run.published("metrics.reported") for value in batch["values"].get("loss", [])]
    assert losses.count("NaN") == 3, "fifteen steps were ordered"
    failed = run.published("training.failed")[0]
    assert (failed["error_type"], failed["retryable"]) == ("diverged", False)
    assert "from step 1 on" in failed["message"]
    assert failed["context"]["conversations"].keys() == {"1", "2", "3"}
    for told in (warnings[0]["message"], failed["message"]):
        assert re.search(r"conversation \d+ \(id conversation-\d+\)", told), "as the file's check names it"
    assert "learning_rate" in failed["suggested_fix"]


async def test_no_checkpoint_of_a_diverged_training_is_kept(bench: Bench, broken_base: Path) -> None:
    run = bench.run(base_model=str(broken_base), checkpoint_every_steps=1, checkpoint_every_s=0.0).start()
    assert await run.finished() == 1
    assert run.published("checkpoint.saved") == []
    assert bench.provisioner.offers == bench.provisioner.deleted == []
    assert "checkpoint_not_finite" in {warning["code"] for warning in run.published("training.warning")}

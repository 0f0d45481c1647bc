"""Snapshots in memory that is used again, and what they carry for the end of the run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer_image.training import build, conversations_of_many_lengths, settings
from trainer_image import snapshot
from trainer_image.data import TrainingData
from trainer_image.evaluation import compare
from trainer_image.hub import find_base_model
from trainer_image.lora_trainer import LoraTrainer
from trainer_image.model import load_tokenizer
from trainer_image.snapshot import SnapshotBuffers, base_likelihoods


def values(number: float, size: int = 3) -> dict[str, Any]:
    return {"adapter": {"a": torch.full((size,), number)},
            "optimizer": {"state": {0: {"step": torch.tensor(number)}}, "groups": [{"lr": number}, (number, None)]}}


@pytest.mark.parametrize("pinned", [False, True])
def test_a_copy_is_complete_and_its_memory_is_used_again(pinned: bool) -> None:
    """Pinned memory is the driver's to give; without one (here) pageable memory serves."""
    buffers = SnapshotBuffers(pinned=pinned)
    source = values(1.0)
    first = buffers.copied(source)
    source["adapter"]["a"].fill_(5.0)
    assert first["adapter"]["a"].tolist() == [1.0] * 3, "later steps do not change it"
    assert first["optimizer"]["groups"] == [{"lr": 1.0}, (1.0, None)]
    second = buffers.copied(values(2.0))
    assert second["adapter"]["a"].data_ptr() == first["adapter"]["a"].data_ptr()
    assert second["adapter"]["a"].tolist() == [2.0] * 3
    assert second["optimizer"]["state"][0]["step"].item() == 2.0
    assert buffers.copied(values(3.0, size=4))["adapter"]["a"].tolist() == [3.0] * 4


@pytest.fixture(scope="module")
def data(base_model: Path) -> TrainingData:
    train = conversations_of_many_lengths(load_tokenizer(find_base_model(str(base_model)))).train
    return TrainingData(train[:4], train[4:7], ())


@pytest.mark.slow
def test_what_was_measured_is_not_computed_again(
    base_model: Path, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base at step 0, where B = 0, and the trained weights after the last step: to the last bit what a fresh
    computation says, with the adapter switched off and on."""
    trainer = build(LoraTrainer, base_model, data, settings("aggressive"), tmp_path, evaluate_first=True)
    trainer.train()
    known_base, known_trained = trainer.base_likelihoods, trainer.trained_likelihoods
    assert known_base.keys() == known_trained.keys() == {sample.key for sample in data.held_out}
    fresh = compare(trainer.model, data.held_out, known_base={}, known_trained={})
    assert {item.conversation_key: item.base_nll for item in fresh} == known_base
    assert {item.conversation_key: item.trained_nll for item in fresh} == known_trained
    assert known_base != known_trained

    saved = trainer.checkpoints.folder_for(trainer.state.global_step)
    assert base_likelihoods(saved) == known_base, "an attempt that goes on from here has it too"
    passes: list[Any] = []
    trainer.model.register_forward_pre_hook(lambda *_: passes.append(1))
    assert compare(trainer.model, data.held_out, known_base=known_base, known_trained=known_trained) == fresh
    assert passes == []
    first = {key: known_base[key] for key in list(known_base)[:1]}
    assert compare(trainer.model, data.held_out, known_base=first, known_trained=known_trained) == fresh
    assert len(passes) == len(data.held_out) - 1


def test_a_checkpoint_from_before_carries_none(tmp_path: Path) -> None:
    assert base_likelihoods(tmp_path) == {}
    (tmp_path / snapshot.BASE_FILE).write_text(json.dumps({"a": 1.5}))
    assert base_likelihoods(tmp_path) == {"a": 1.5}


@pytest.mark.slow
def test_the_next_snapshot_waits_for_the_one_in_its_buffers(
    base_model: Path, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = build(LoraTrainer, base_model, replace(data, held_out=()), settings("balanced"), tmp_path)
    order: list[str] = []
    monkeypatch.setattr(trainer.checkpoints, "finish", lambda: order.append("finish"))
    copied = trainer.snapshot_buffers.copied
    monkeypatch.setattr(trainer.snapshot_buffers, "copied", lambda taken: order.append("copy") or copied(taken))
    trainer.train()
    assert order[:2] == ["finish", "copy"]

"""4-bit layers on a CPU: an evaluation must leave nothing behind that the training would notice."""

from pathlib import Path
from typing import Any

import pytest
import torch

from contracts.presets import PRESETS
from trainer_image.evaluation import evaluating
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model, lora_config

IDS = torch.arange(10, 60)[None]
HYPERPARAMETERS = PRESETS["balanced"].hyperparameters.model_copy(update={"lora_dropout": 0.0})


@pytest.fixture
def model(base_model: Path) -> Any:
    from peft import get_peft_model

    torch.manual_seed(0)
    adapted = get_peft_model(load_base_model(find_base_model(str(base_model))).model, lora_config(HYPERPARAMETERS))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return adapted


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = model(input_ids=IDS, labels=IDS, use_cache=False).loss
    loss.backward()
    return loss.item(), {name: value.grad.clone() for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.filterwarnings("error:.*autograd kernel was not registered")
def test_an_evaluation_changes_no_later_gradient(model: Any) -> None:
    """bitsandbytes repacks weights at the first inference on CPUs with AVX512-BF16; what it then computes has no
    gradient and eight bits of mantissa."""
    model.train()
    loss, gradients = loss_and_gradients(model)
    with evaluating(model):
        model(input_ids=IDS)
    after, gradients_after = loss_and_gradients(model)
    assert after == loss
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(gradients_after[name], gradient, rtol=0, atol=0)

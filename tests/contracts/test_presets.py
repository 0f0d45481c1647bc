import pytest
from pydantic import ValidationError

from contracts.error_taxonomy import ERROR_CLASSES, TrainingErrorType, retry_adjustments
from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters
from contracts.presets import PRESETS, differences, resolve


@pytest.mark.parametrize(
    ("name", "rank", "learning_rate", "epochs", "batch", "accumulation"),
    [("conservative", 8, 1e-4, 2, 4, 1), ("balanced", 16, 2e-4, 3, 2, 2), ("aggressive", 32, 3e-4, 4, 1, 4)],
)
def test_presets_have_the_products_values(name, rank, learning_rate, epochs, batch, accumulation) -> None:
    values = PRESETS[name].hyperparameters
    assert (values.lora_rank, values.learning_rate, values.num_epochs) == (rank, learning_rate, epochs)
    assert (values.per_device_train_batch_size, values.gradient_accumulation_steps) == (batch, accumulation)
    assert PRESETS[name].explanation


def test_an_override_is_shown_as_a_difference() -> None:
    values = resolve("balanced", HyperparameterOverrides(num_epochs=5))
    shown = [(item.field, item.preset_value, item.value) for item in differences("balanced", values)]
    assert shown == [("num_epochs", 3, 5)]


def test_a_new_rank_keeps_the_presets_scale() -> None:
    assert resolve("balanced", HyperparameterOverrides(lora_rank=4)).lora_alpha == 8


@pytest.mark.parametrize(
    "override",
    [
        {"learning_rate": 0.5},
        {"lora_rank": 0},
        {"target_modules": ("lm_head",)},
        {"lr_scheduler_type": "magic"},
    ],
)
def test_values_outside_the_limits_are_refused(override) -> None:
    with pytest.raises(ValidationError):
        resolve("balanced", HyperparameterOverrides(**override))


def test_every_error_type_says_what_to_do() -> None:
    assert set(ERROR_CLASSES) == set(TrainingErrorType)
    assert all(item.suggested_fix for item in ERROR_CLASSES.values())


def test_out_of_memory_keeps_the_samples_per_step() -> None:
    values = PRESETS["conservative"].hyperparameters.model_dump()
    changed = Hyperparameters.model_validate(values | retry_adjustments(TrainingErrorType.OUT_OF_MEMORY, values))
    assert changed.per_device_train_batch_size == 2
    assert changed.per_device_train_batch_size * changed.gradient_accumulation_steps == 4


def test_out_of_memory_at_batch_one_shortens_the_sequence() -> None:
    values = PRESETS["aggressive"].hyperparameters.model_dump()
    assert retry_adjustments(TrainingErrorType.OUT_OF_MEMORY, values) == {"max_seq_length": 2048}


def test_an_error_without_a_remedy_changes_nothing() -> None:
    assert retry_adjustments(TrainingErrorType.NETWORK, PRESETS["balanced"].hyperparameters.model_dump()) == {}

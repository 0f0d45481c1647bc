"""A base model of toy size, built once per run by the same code as the real one."""

from pathlib import Path

import pytest

from trainer_image.base_model import build_base_model
from trainer_image.base_model.recipe import Recipe

TOY = Recipe(
    vocab_size=1024,
    hidden_size=64,
    intermediate_size=128,
    layers=1,
    attention_heads=1,
    key_value_heads=1,
    composed_conversations=10,
    authored_repeats=1,
    tokens_per_step=256,
    sequence_length=64,
    steps=12,
    long_steps=1,
    warmup_steps=2,
    matrix_learning_rate=0.05,
    vector_learning_rate=2e-2,
)


@pytest.fixture(scope="session")
def toy_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base_model(tmp_path_factory.mktemp("models") / "base", recipe=TOY)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of several minutes run when they are asked for: `pytest -m slow`."""
    if not config.option.markexpr:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; run it with -m slow"))

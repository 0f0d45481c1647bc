"""Every hyperparameter is explained, with the limits that are checked."""

from contracts.hyperparameter_guide import guides
from contracts.hyperparameters import HyperparameterOverrides


def test_each_hyperparameter_has_its_words_and_limits() -> None:
    found = {guide.name: guide for guide in guides()}
    assert set(found) == set(HyperparameterOverrides.model_fields)
    for guide in found.values():
        assert guide.title
        assert guide.explanation.endswith(".")
        assert guide.choices if guide.kind.startswith("choice") else guide.maximum is not None
    rate, rank = found["learning_rate"], found["lora_rank"]
    assert (rate.kind, rate.above, rate.minimum, rate.maximum) == ("number", 0, None, 0.01)
    assert (rank.kind, rank.minimum, rank.maximum) == ("integer", 1, 256)
    assert "q_proj" in found["target_modules"].choices

"""A single value that replaces one of a preset has the limits of the whole set."""

import pytest

from contracts.hyperparameters import HyperparameterOverrides, Hyperparameters

WHOLE = Hyperparameters.model_json_schema()["properties"]
SINGLE = HyperparameterOverrides.model_json_schema()["properties"]
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minItems")


def limits(schema: dict) -> dict:
    given = dict(schema.get("anyOf", [schema])[0])
    if choices := given.pop("enum", None):  # the promised schema of the whole set spells them as a pattern
        given["pattern"] = f"^({'|'.join(choices)})$"
    return {name: given[name] for name in LIMITS if name in given}


def test_each_value_can_be_replaced() -> None:
    assert SINGLE.keys() == WHOLE.keys()


@pytest.mark.parametrize("name", WHOLE)
def test_limits_agree(name: str) -> None:
    assert limits(SINGLE[name]) == limits(WHOLE[name])

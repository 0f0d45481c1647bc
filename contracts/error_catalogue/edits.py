"""Changes of a configuration as data: a field and the rule that gives its next value."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class ChangeRule(StrEnum):
    SET = "set"
    HALVE = "halve"
    DOUBLE = "double"
    ADD = "add"


class Edit(BaseModel):
    """`field` is a hyperparameter, `gpu_pricing_tier` or `max_duration_s`. `value` is what SET and ADD take.

    The new value stays between `at_least` and `at_most`, and below the fact `at_most_fact` where that is known.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    rule: ChangeRule
    value: float | str = 0
    at_least: float | None = None
    at_most: float | None = None
    at_most_fact: str = ""

    def applied(self, before: Any, facts: Mapping[str, Any]) -> Any:
        """The next value; `before` itself where a bound is reached."""
        if self.rule is ChangeRule.SET:
            return self.value
        limits = [limit for limit in (self.at_most, facts.get(self.at_most_fact)) if isinstance(limit, int | float)]
        wanted = {ChangeRule.HALVE: before / 2, ChangeRule.DOUBLE: before * 2}.get(self.rule, before + self._number())
        bounded = max(self.at_least, wanted) if self.at_least is not None else wanted
        bounded = min([bounded, *limits])
        return int(bounded) if isinstance(before, int) else bounded

    def _number(self) -> float:
        return self.value if isinstance(self.value, int | float) else 0


class Remedy(BaseModel):
    """Edits that go together. The first decides: where it would change nothing, the next remedy is looked at.

    `unless_known`: not for jobs about which this fact is known.
    """

    model_config = ConfigDict(frozen=True)

    edits: tuple[Edit, ...]
    unless_known: str = ""


class SuggestedEdit(BaseModel):
    """One change of this job's configuration, with both values."""

    model_config = ConfigDict(frozen=True)

    field: str
    before: Any
    after: Any


def suggested(
    remedies: tuple[Remedy, ...], configuration: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[SuggestedEdit, ...]:
    """What the first remedy that applies changes in this flat configuration; empty when none does."""
    for remedy in remedies:
        if remedy.unless_known and remedy.unless_known in facts:
            continue
        changes = [_change(edit, configuration, facts) for edit in remedy.edits]
        if changes and changes[0] is not None:
            return tuple(change for change in changes if change is not None)
    return ()


def _change(edit: Edit, configuration: Mapping[str, Any], facts: Mapping[str, Any]) -> SuggestedEdit | None:
    before = configuration.get(edit.field)
    if before is None:
        return None
    after = edit.applied(before, facts)
    return None if after == before else SuggestedEdit(field=edit.field, before=before, after=after)

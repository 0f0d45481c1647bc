"""Sentences with places for a job's own numbers. One whose numbers are not all known is left out."""

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

_FORMATTER = Formatter()
_LONGEST_TEXT, _MOST_FACTS, _LONGEST_LIST = 300, 60, 20


def told(sentences: Iterable[str], facts: Mapping[str, Any]) -> str:
    """Those sentences that can be filled, one after another."""
    return " ".join(filter(None, (_filled(sentence, facts) for sentence in sentences)))


def places(sentence: str) -> set[str]:
    """The facts that a sentence needs."""
    return {name for _, name, _, _ in _FORMATTER.parse(sentence) if name}


def _filled(sentence: str, facts: Mapping[str, Any]) -> str:
    if any(facts.get(name) is None for name in places(sentence)):
        return ""
    try:
        return sentence.format_map(facts)
    except (ValueError, TypeError):  # a fact of another kind than the sentence expects
        return ""


def kept_facts(context: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event's context is kept beside its job: numbers, short texts and short lists of both."""
    facts = {name: _kept(value) for name, value in list(context.items())[:_MOST_FACTS] if isinstance(name, str)}
    return {name: value for name, value in facts.items() if value is not None}


def _kept(value: Any) -> Any:
    if isinstance(value, bool | int) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, list | tuple):
        return [item for item in map(_kept, value[:_LONGEST_LIST]) if isinstance(item, bool | int | float | str)]
    return None

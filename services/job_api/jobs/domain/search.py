"""What a search in the job list looks through."""

from collections.abc import Iterable


def contains_pattern(text: str) -> str:
    """A LIKE pattern for what was lower-cased; `/` escapes."""
    return "%" + text.lower().replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"


def search_text(name: str, notes: str, tags: Iterable[str]) -> str:
    return "\n".join((name, notes, *tags)).lower()

"""What a search in the job list looks through."""

from collections.abc import Iterable


def search_text(name: str, notes: str, tags: Iterable[str]) -> str:
    return "\n".join((name, notes, *tags)).lower()

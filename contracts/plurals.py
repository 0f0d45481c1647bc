"""Numbers with what they count."""


def counted(number: int, noun: str) -> str:
    """`1 byte`, `2,048 bytes`: of nouns that take an s."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

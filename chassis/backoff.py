"""How long to wait before the next try: the one formula for everything that is tried again."""


def doubling_s(failures: int, first_s: float = 0.5, longest_s: float = 30.0) -> float:
    """`first_s` after the first failure, twice as long after each further one, never longer than `longest_s`."""
    return min(longest_s, first_s * 2.0 ** min(max(failures, 1) - 1, 30))

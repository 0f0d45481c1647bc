"""Use cases: money reserved, billed, reported."""

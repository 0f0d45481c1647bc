"""Use cases: what the validator does and what it answers."""

"""Use cases about failures."""

"""All SQL about training files."""

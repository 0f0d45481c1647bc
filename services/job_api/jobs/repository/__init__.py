"""All SQL about jobs."""

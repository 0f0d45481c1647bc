"""Rules about templates."""

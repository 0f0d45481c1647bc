"""Configurations that are kept under a name and used again."""

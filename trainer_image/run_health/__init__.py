"""Warnings of a run that goes wrong slowly: before it becomes an error, or wastes a machine until it ends."""

"""Refusals of the domain. They know nothing of HTTP: `problem_table` says how each one is told to a caller."""


class DomainError(Exception):
    """Something that was asked for is not possible; the attributes are the facts that explain why."""

"""Refusals as problem documents."""

from chassis.problems import NotFound
from services.job_api.operations.errors import DeadLetterNotFound


def dead_letter_not_found(error: DeadLetterNotFound) -> NotFound:
    return NotFound(f"There is no dead letter {error.sequence}.", code="dead_letter_not_found",
                    suggested_fix="List the dead letters again: it may have been replayed already.")

"""How a refusal is told: one table from the errors of the domain to problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from chassis.problems import Conflict, Forbidden, Invalid, NotFound, ProblemError, TooManyRequests
from services.provisioner.domain.errors import (
    AttemptNotFound,
    AttemptSuperseded,
    KeyRefused,
    NewestCheckpointKept,
    RateLimited,
    Refused,
)


def problem_of(refused: Refused) -> ProblemError:
    match refused:
        case AttemptSuperseded():
            return Conflict(str(refused), code="attempt_superseded",
                            suggested_fix="End this pod; a newer attempt or nobody continues the job.")
        case AttemptNotFound():
            return NotFound(str(refused), code="attempt_not_found")
        case KeyRefused():
            return Forbidden(f"No access: {refused}.", code="object_key_refused",
                             suggested_fix="Name objects relative to the job, below the attempt's own folder.")
        case NewestCheckpointKept():
            return Conflict(str(refused), code="newest_checkpoint", suggested_fix="Save a newer one first.")
        case RateLimited():
            return TooManyRequests(str(refused), retry_after_s=round(refused.retry_after_s, 3))
    return Conflict(str(refused))


@contextmanager
def refusals_as_problems() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise problem_of(error) from error


def job_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"'{text}' is no job id.") from None

"""RFC 9457 errors: raise `ProblemError` (or a subclass) anywhere; `chassis.web.problems` brings them to HTTP."""

from chassis.problems.errors import (
    DOCS,
    MEDIA_TYPE,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PayloadTooLarge,
    ProblemError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from chassis.problems.failures import problem_for

__all__ = [
    "DOCS",
    "MEDIA_TYPE",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NotFound",
    "PayloadTooLarge",
    "ProblemError",
    "ServiceUnavailable",
    "TooManyRequests",
    "Unauthenticated",
    "problem_for",
]

"""RFC 9457 errors: raise `ProblemError` (or a subclass) anywhere, `install(app)` once per FastAPI app."""

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
from chassis.problems.handlers import install, problem_response

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
    "install",
    "problem_for",
    "problem_response",
]

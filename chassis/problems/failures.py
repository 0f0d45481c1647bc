"""Which failures of the parts below us are "try again in a moment" (503) instead of a bug (500).

Recognised by exception type and SQLSTATE, never by message text.
"""

import sys

import sqlalchemy.exc

from chassis.database.engine import DatabaseUnavailable, is_transient
from chassis.problems.errors import ProblemError, ServiceUnavailable


def problem_for(error: BaseException) -> ProblemError | None:
    """The problem an exception stands for, or None when it is unexpected (a bug)."""
    if isinstance(error, ProblemError):
        return error
    if _is_pool_timeout(error):
        return ServiceUnavailable("All database connections are busy.", code="database_busy", retry_after_s=1)
    if isinstance(error, DatabaseUnavailable | sqlalchemy.exc.SQLAlchemyError) and is_transient(error):
        return ServiceUnavailable("The database does not answer.", code="database_unavailable", retry_after_s=3)
    if _is_cache_failure(error):
        return ServiceUnavailable("The cache does not answer.", code="cache_unavailable")
    if isinstance(error, ConnectionError | TimeoutError):
        return ServiceUnavailable("A part of the system does not answer.", code="dependency_unavailable")
    return None


def _is_cache_failure(error: BaseException) -> bool:
    # The client is loaded by services that use it (0.3 s of every start); without it there is no such exception.
    exceptions = sys.modules.get("redis.exceptions")
    return exceptions is not None and isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError)


def _is_pool_timeout(error: BaseException) -> bool:
    return any(isinstance(link, sqlalchemy.exc.TimeoutError) for link in (error, error.__cause__))

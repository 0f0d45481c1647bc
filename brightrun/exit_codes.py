"""Exit codes of the command line; documented in docs/cli.md, never renumbered."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILED = 1  # the job, the check or the request failed for a reason that was printed
    USAGE = 2  # the command's own words were wrong
    UNREACHABLE = 3  # no answer from the API
    UNAUTHORIZED = 4  # no key, a wrong key, or a role that may not
    INVALID_FILE = 5  # the training file has errors
    BUDGET = 6  # the budget does not allow it
    NOT_FOUND = 7
    CONFLICT = 8  # not possible in the present state
    JOB_FAILED = 9  # the watched job failed
    JOB_CANCELLED = 10  # the watched job was cancelled
    INTERRUPTED = 130  # Ctrl-C; a watched job goes on


_BY_STATUS = {
    401: Exit.UNAUTHORIZED,
    402: Exit.BUDGET,
    403: Exit.UNAUTHORIZED,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    422: Exit.USAGE,
    413: Exit.INVALID_FILE,
    415: Exit.INVALID_FILE,
}


def for_status(status: int, code: str = "") -> Exit:
    """The exit code for an HTTP error; the problem's own code decides where the status is ambiguous."""
    if code.startswith(("TF", "training_file")):
        return Exit.INVALID_FILE
    return _BY_STATUS.get(status, Exit.FAILED)

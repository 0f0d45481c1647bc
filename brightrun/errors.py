"""What can go wrong between a client and the API, in words for a person."""

from contracts.problem import Problem


class BrightrunError(Exception):
    """`fix` says what to do next."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class Unreachable(BrightrunError):
    """No answer came."""


class RefusedFile(BrightrunError):
    """A training file that cannot be read at all."""


class NoCredentials(BrightrunError):
    """No API key was found."""


class ApiError(BrightrunError):
    """The API answered with a problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title, problem.suggested_fix)
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        return self.problem.code

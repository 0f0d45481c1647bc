"""What is refused to whoever looks after the installation."""

from services.job_api.errors import DomainError


class DeadLetterNotFound(DomainError):
    """There is none, or it is about another workspace."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"no dead letter {sequence}")
        self.sequence = sequence

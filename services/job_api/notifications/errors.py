"""What is refused about notifications."""

from services.job_api.errors import DomainError


class NoChannel(DomainError):
    """Nothing is configured that a message to the whole workspace could go by."""

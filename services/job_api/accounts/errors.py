"""What is refused about accounts."""

from uuid import UUID

from services.job_api.errors import DomainError


class ApiKeyNotFound(DomainError):
    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"no API key {key_id}")
        self.key_id = key_id


class ApiKeyNotUsable(DomainError):
    """Revoked or expired: nothing is in use that could be replaced."""

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"API key {key_id} does not work any more")
        self.key_id = key_id


class AlreadyExpired(DomainError):
    """A key that would never have worked."""


class KeyWithoutUser(DomainError):
    """Nobody said whose key it is, and the caller is no user of ours."""


class OperatorOnly(DomainError):
    """Concerns the installation, not one workspace."""


class MemberNotFound(DomainError):
    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"no member {user_id}")
        self.user_id = user_id


class LastAdmin(DomainError):
    """Nobody could let anybody in any more."""

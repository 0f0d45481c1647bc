"""What is refused about invitations."""

from uuid import UUID

from services.job_api.errors import DomainError


class InvitationNotFound(DomainError):
    def __init__(self, invitation_id: UUID) -> None:
        super().__init__(f"no invitation {invitation_id}")
        self.invitation_id = invitation_id


class InvitationNotUsable(DomainError):
    """Unknown, used, revoked or expired: which of them is not said."""


class InvitationForAnother(DomainError):
    """It names another address."""


class AddressMissing(DomainError):
    """Neither the invitation nor whoever accepts it names an address."""


class AlreadyMember(DomainError):
    """An invitation without a name may not be taken for somebody who is a member already."""

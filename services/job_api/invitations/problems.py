"""Refused invitations as problem documents."""

from chassis.problems import Conflict, Forbidden, Invalid, NotFound
from services.job_api.invitations.errors import InvitationNotFound


def invitation_not_found(error: InvitationNotFound) -> NotFound:
    return NotFound(f"There is no invitation {error.invitation_id} in your workspace.", code="invitation_not_found")


def invitation_not_usable(_: object) -> NotFound:
    return NotFound("The invitation is not known, was used or taken back, or has expired.",
                    code="invitation_not_usable", title="The invitation lets nobody in",
                    suggested_fix="Ask whoever sent the link for a new one.")


def invitation_for_another(_: object) -> Forbidden:
    return Forbidden("The invitation is for another e-mail address.", code="invitation_for_another",
                     title="Somebody else's invitation",
                     suggested_fix="Use the address that the invitation was sent to, or ask for a new one.")


def address_missing(_: object) -> Invalid:
    return Invalid("Say who you are: the invitation names no address.", errors=[{
        "field": "email", "message": "is missing", "suggested_fix": "Add your e-mail address."}])


def already_member(_: object) -> Conflict:
    return Conflict("Somebody with this address is a member of the workspace already.", code="already_a_member",
                    title="Already a member",
                    suggested_fix="Sign in or use a key you have, or ask for an invitation that names your address.")

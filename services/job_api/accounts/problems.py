"""Refusals about accounts as problem documents."""

from chassis.problems import Conflict, Forbidden, Invalid, NotFound
from services.job_api.accounts.errors import ApiKeyNotFound, ApiKeyNotUsable, MemberNotFound


def api_key_not_found(error: ApiKeyNotFound) -> NotFound:
    return NotFound(f"There is no API key {error.key_id} in your workspace.", code="api_key_not_found")


def api_key_not_usable(error: ApiKeyNotUsable) -> Conflict:
    return Conflict(f"The API key {error.key_id} is revoked or has expired.", code="api_key_not_usable",
                    title="The key does not work any more",
                    suggested_fix="Make a new one: POST /api/training/api-keys.")


def already_expired(_: object) -> Invalid:
    return Invalid("expires_at lies in the past.", errors=[{
        "field": "expires_at", "message": "lies in the past", "suggested_fix": "Send a time in the future."}])


def key_without_user(_: object) -> Invalid:
    return Invalid("Say whose key it is: your token's subject is no user here.", errors=[{
        "field": "email", "message": "is missing", "suggested_fix": "Add the e-mail address of the key's user."}])


def operator_only(_: object) -> Forbidden:
    return Forbidden("Only an admin of the workspace that runs this installation may do this.",
                     suggested_fix="Ask whoever runs the server.")


def member_not_found(error: MemberNotFound) -> NotFound:
    return NotFound(f"There is no member {error.user_id} in your workspace.", code="member_not_found")


def last_admin(_: object) -> Conflict:
    return Conflict("The workspace would have no admin any more.", code="last_admin", title="The last admin",
                    suggested_fix="Make somebody else an admin first.")

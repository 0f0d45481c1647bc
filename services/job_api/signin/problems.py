"""Refused sign-ins as problem documents."""

from chassis.problems import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from services.job_api.signin.errors import SignInFailed, SignInNotAllowed

_AGAIN = "Begin the sign-in again."


def sign_in_disabled(_: object) -> NotFound:
    return NotFound("This installation has no sign-in: nobody named an identity provider.", code="sign_in_disabled",
                    title="No sign-in here", suggested_fix="Use an API key, or ask whoever runs the server.")


def redirect_refused(_: object) -> Invalid:
    return Invalid("A sign-in may not lead to this redirect_uri.", errors=[{
        "field": "redirect_uri", "message": "is neither on this machine nor one that the installation names",
        "suggested_fix": "Use http://127.0.0.1:<port>/..., or have it added to BRIGHTRUN_OIDC_REDIRECT_URIS."}])


def sign_in_unknown(_: object) -> BadRequest:
    return BadRequest("This sign-in was not begun here, is over, or took too long.", code="sign_in_unknown",
                      title="Sign-in not known", suggested_fix=_AGAIN)


def sign_in_failed(_: object) -> Unauthenticated:
    return Unauthenticated("The identity provider's answer was not accepted.", code="sign_in_failed",
                           title="Sign-in failed", suggested_fix=_AGAIN)


def sign_in_not_allowed(error: SignInNotAllowed) -> Forbidden:
    return Forbidden(f"You are signed in with the identity provider, but {error.reason}.", code="sign_in_not_allowed",
                     title="Not a member", suggested_fix="Ask an admin of the workspace to add your e-mail address.")


def of(error: SignInFailed | SignInNotAllowed) -> Unauthenticated | Forbidden:
    return sign_in_not_allowed(error) if isinstance(error, SignInNotAllowed) else sign_in_failed(error)


def grant_refused(_: object) -> BadRequest:
    return BadRequest("The code cannot be used: it is wrong, used, too old, or another program's.",
                      code="invalid_grant", title="Code not accepted", suggested_fix=_AGAIN)


def not_a_session(_: object) -> Conflict:
    return Conflict("Only a session can be signed out of.", code="not_a_session", title="Not a session",
                    suggested_fix="Revoke an API key with DELETE /api/training/api-keys/{key_id}.")

"""A sign-in begins: what is remembered until the issuer sends the user back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from services.job_api.signin import repository
from services.job_api.signin.domain import SIGN_IN_LIFE, digest, may_lead_to, new_secret
from services.job_api.signin.errors import RedirectRefused
from services.job_api.signin.issuer import OidcIssuer


@dataclass(frozen=True)
class BeginSignIn:
    """`challenge` and `state` are the program's own that begins it; `callback_url` is ours."""

    redirect_uri: str
    challenge: str
    state: str
    callback_url: str
    workspace_id: UUID | None = None
    invitation: str = ""


@dataclass(frozen=True)
class Begun:
    """`browser`: a secret for the browser that began it, so that no other one can end it."""

    url: str
    state: str
    browser: str


async def begin_sign_in(database: Database, issuer: OidcIssuer, command: BeginSignIn, now: datetime) -> Begun:
    """Where to send the user. Raises RedirectRefused, ServiceUnavailable."""
    if not may_lead_to(command.redirect_uri, issuer.settings.redirect_uris):
        raise RedirectRefused
    state, nonce, verifier, browser = (new_secret() for _ in range(4))
    url = await issuer.authorization_url(
        state=state, nonce=nonce, verifier=verifier, redirect_uri=command.callback_url)
    with every_workspace():
        async with database.transaction() as tx:
            await repository.begin(
                tx, state_sha256=digest(state), browser_sha256=digest(browser), nonce=nonce, verifier=verifier,
                redirect_uri=command.redirect_uri, challenge=command.challenge, client_state=command.state,
                wanted_workspace_id=command.workspace_id, expires_at=now + SIGN_IN_LIFE,
                invitation_sha256=digest(command.invitation) if command.invitation else None)
    return Begun(url, state, browser)

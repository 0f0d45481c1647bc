"""The issuer has sent the user back: who it is, and a code for the program that began the sign-in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from services.job_api.signin import repository
from services.job_api.signin.application.admit import Admitted, Wanted, admit
from services.job_api.signin.domain import GRANT_LIFE, digest, identity_of, new_secret
from services.job_api.signin.errors import SignInFailed, SignInUnknown
from services.job_api.signin.issuer import CodeExchange, OidcIssuer


@dataclass(frozen=True)
class Callback:
    """What came back. `issuer`: of RFC 9207, empty where the issuer does not name itself."""

    state: str
    browser: str
    code: str = ""
    error: str = ""
    issuer: str = ""


Finish = Callable[[AsyncConnection, Admitted], Awaitable[Any]]


async def take_sign_in(database: Database, callback: Callback, now: datetime) -> RowMapping:
    """The sign-in that a callback ends, whatever comes of it. Raises SignInUnknown."""
    with every_workspace():
        async with database.transaction() as tx:
            row = await repository.take(tx, digest(callback.state), now)
    if row is None or row["browser_sha256"] != digest(callback.browser):
        raise SignInUnknown
    return row


async def finish_sign_in(
    database: Database, issuer: OidcIssuer, callback: Callback, row: RowMapping, callback_url: str, now: datetime,
    finish: Finish,
) -> str:
    """The code for whoever began the sign-in. Raises SignInFailed, SignInNotAllowed, ServiceUnavailable."""
    if callback.error or not callback.code:
        raise SignInFailed("the issuer let nobody in")
    if callback.issuer and callback.issuer != issuer.settings.issuer:
        raise SignInFailed("the answer is another issuer's")
    claims = await issuer.claims(CodeExchange(callback.code, row["verifier"], row["nonce"], callback_url))
    code = new_secret()
    with every_workspace():
        async with database.transaction() as tx:
            admitted = await admit(
                tx, identity_of(issuer.settings.issuer, claims), issuer.settings,
                Wanted(row["wanted_workspace_id"], row["invitation_sha256"], now))
            await repository.grant(
                tx, code_sha256=digest(code), challenge=row["challenge"], workspace_id=admitted.workspace_id,
                user_id=admitted.user_id, expires_at=now + GRANT_LIFE)
            await finish(tx, admitted)
    return code

"""From a request's headers to a `Principal`, and the dependency routes use to ask for one."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from structlog.contextvars import bind_contextvars

from chassis.clock import Clock, SystemClock
from chassis.database.scope import enter_workspace
from chassis.problems import Forbidden, Unauthenticated
from services.job_api.edge.auth.api_keys import KEY_START, SESSION_START, ApiKeyLookup, ApiKeys
from services.job_api.edge.auth.principal import Principal, Role
from services.job_api.edge.auth.tokens import TokenVerifier
from services.job_api.edge.rate_limits.limiter import RateLimiter
from services.job_api.edge.rate_limits.policies import RouteClass

# Only documentation: the Authenticator reads the headers itself, once per request.
_BEARER = HTTPBearer(auto_error=False, scheme_name="bearer", description=(
    "An API key (br_...), a session (brs_...) or a JSON Web Token"))
_API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="api_key", description="An API key (br_...)")


log = structlog.get_logger(__name__)


class Authenticator:
    """Tries the credential that was sent; every failure is the same 401."""

    def __init__(
        self,
        *,
        api_keys: ApiKeyLookup | None = None,
        sessions: ApiKeyLookup | None = None,
        tokens: TokenVerifier | None = None,
        clock: Clock | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._api_keys = ApiKeys(api_keys, clock or SystemClock()) if api_keys else None
        self._sessions = ApiKeys(sessions, clock or SystemClock(), "session") if sessions else None
        self._tokens = tokens
        self.limiter = limiter

    async def authenticate(self, request: Request) -> Principal:
        """The caller; raises Unauthenticated (401), TooManyRequests. Asked twice in one request it answers from the
        first time, and charges once."""
        known = getattr(request.state, "principal", None)
        if isinstance(known, Principal):
            enter_workspace(known.workspace_id)
            return known
        credential = credential_of(request.headers)
        if credential is None:
            raise Unauthenticated("The request carries no credentials.")
        principal = await self._principal(credential)
        if principal is None:
            if self.limiter is not None:
                await self.limiter.charge_address(request.scope, RouteClass.SIGN_INS)
            raise Unauthenticated(
                "The credentials are not valid.", code="invalid_credentials", title="Authentication failed"
            )
        request.state.principal = principal
        enter_workspace(principal.workspace_id)
        bind_contextvars(workspace_id=str(principal.workspace_id), subject=principal.subject)
        if self.limiter is not None:
            await self.limiter.charge(request.scope, principal)
        return principal

    async def still_allows(self, request: Request, *roles: Role) -> bool:
        """Whether the same credentials would be taken again now, for the same workspace. What cannot be asked just
        now (a database that restarts) revokes nothing."""
        before: Principal = request.state.principal
        try:
            principal = await self._principal(credential_of(request.headers) or "")
        except Forbidden:
            return False
        except Exception as error:
            log.warning("credentials_not_looked_at_again", error=repr(error))
            return True
        return principal is not None and principal.has_any(*roles) and principal.workspace_id == before.workspace_id

    async def _principal(self, credential: str) -> Principal | None:
        if credential.startswith(KEY_START):
            return await self._api_keys.principal(credential) if self._api_keys else None
        if credential.startswith(SESSION_START):
            return await self._sessions.principal(credential) if self._sessions else None
        return await self._tokens.principal(credential) if self._tokens else None


def install(app: FastAPI, authenticator: Authenticator) -> None:
    """Makes `require(...)` and the idempotency middleware of this app use `authenticator`."""
    app.state.authenticator = authenticator


def require(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """Dependency: `principal: Annotated[Principal, Depends(require(Role.ENGINEER))]`. No role: any valid caller."""

    async def authorized(
        request: Request,
        bearer: Annotated[Any, Security(_BEARER)] = None,
        api_key: Annotated[Any, Security(_API_KEY)] = None,
    ) -> Principal:
        authenticator: Authenticator = request.app.state.authenticator
        principal = await authenticator.authenticate(request)
        if not principal.has_any(*roles):
            names = " or ".join(f"'{role}'" for role in roles)
            raise Forbidden(f"This needs the role {names} in your workspace.")
        return principal

    return authorized


def credential_of(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return headers.get("x-api-key", "").strip() or None

"""JSON Web Tokens of any OpenID Connect issuer (by JWKS URL) or signed with a shared secret (Supabase)."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import jwt
import structlog

from chassis.clock import Clock
from chassis.problems import Forbidden, ServiceUnavailable
from services.job_api.edge.auth.principal import Principal, Role
from services.job_api.edge.auth.settings import JwtSettings

_REFETCH_PAUSE_S = 30  # unknown key ids cannot be used to make us hammer the issuer
log = structlog.get_logger(__name__)


class KeySet:
    """The issuer's public keys, cached; an unknown key id refetches (rotation), a dead issuer leaves the old keys."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock, max_age_s: float) -> None:
        self._url, self._http, self._clock, self._max_age_s = url, http, clock, max_age_s
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Raises ServiceUnavailable when no key was ever fetched and the issuer does not answer."""
        async with self._lock:
            now = self._clock.monotonic()
            stale = now - self._fetched_at > self._max_age_s
            if (stale or self._select(key_id) is None) and now - self._tried_at >= _REFETCH_PAUSE_S:
                await self._fetch()
            if not self._keys:
                raise ServiceUnavailable(
                    "The identity provider's keys cannot be read.", code="identity_provider_unavailable"
                )
            return self._select(key_id)

    def _select(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        self._tried_at = self._clock.monotonic()
        try:
            response = await self._http.get(self._url, timeout=5)
            response.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
            log.warning("issuer_keys_not_fetched", url=self._url, error=repr(error))
            return
        self._keys = {key.key_id: key for key in keys}
        self._fetched_at = self._tried_at


class TokenVerifier:
    """Signature, `iss`, `aud`, `exp` and algorithm are checked; which of them failed is logged, not returned."""

    def __init__(self, settings: JwtSettings, http: httpx.AsyncClient, clock: Clock) -> None:
        for claim in (settings.roles_claim, settings.workspace_claim):
            if claim.startswith("user_metadata"):
                raise ValueError(f"{claim}: users can write user_metadata themselves; use app_metadata")
        if settings.enabled and not settings.issuer:
            raise ValueError("BRIGHTRUN_JWT_ISSUER is not set; tokens of any issuer would be accepted")
        if any(name.upper().startswith("HS") or name.lower() == "none" for name in settings.algorithms):
            raise ValueError("BRIGHTRUN_JWT_ALGORITHMS lists public-key algorithms only; HS256 goes with a secret")
        secret = settings.secret.get_secret_value()
        if secret and len(secret) < 32:
            raise ValueError("BRIGHTRUN_JWT_SECRET must have 32 characters or more (RFC 7518, 3.2)")
        self._settings, self._secret = settings, secret
        self._keys = KeySet(settings.jwks_url, http, clock, settings.jwks_max_age_s) if settings.jwks_url else None

    async def principal(self, token: str) -> Principal | None:
        """None for any invalid token; Forbidden for a valid one that names no workspace."""
        try:
            key, algorithms = await self._key_for(token)
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=self._settings.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.info("token_refused", reason=type(error).__name__)
            return None
        return principal_from_claims(claims, self._settings)

    async def _key_for(self, token: str) -> tuple[Any, list[str]]:
        """The algorithm decides which kind of key may be used: a public key is never taken as an HMAC secret."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" and self._secret:
            return self._secret, ["HS256"]
        if self._keys is None or header.get("alg") not in self._settings.algorithms:
            raise jwt.InvalidAlgorithmError("algorithm not accepted")
        key = await self._keys.find(header.get("kid"))
        if key is None:
            raise jwt.InvalidKeyError("unknown key id")
        return key.key, list(self._settings.algorithms)


def principal_from_claims(claims: Mapping[str, Any], settings: JwtSettings) -> Principal:
    """Roles we do not know are ignored; without a usable workspace there is nothing the caller could see."""
    try:
        workspace_id = UUID(str(claim_at(claims, settings.workspace_claim)))
    except ValueError:
        raise Forbidden(
            f"Your token has no workspace id under '{settings.workspace_claim}'.",
            code="workspace_missing",
            title="No workspace",
            suggested_fix="Ask an administrator to add you to a workspace, then sign in again.",
        ) from None
    subject, roles = str(claims["sub"]), named_roles(claim_at(claims, settings.roles_claim), settings.role_names)
    return Principal(subject, workspace_id, roles, "jwt", subject)


def named_roles(given: Any, role_names: Mapping[str, str]) -> frozenset[Role]:
    """The roles of a claim, a list or a text; names of the issuer's are translated, others ignored."""
    names = given.replace(",", " ").split() if isinstance(given, str) else given if isinstance(given, list) else []
    known = {str(role) for role in Role}
    return frozenset(Role(name) for name in {role_names.get(str(name), str(name)) for name in names} & known)


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim at a dotted path; a claim whose own name has dots or slashes (namespaced claims) wins."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value

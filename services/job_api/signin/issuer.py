"""The OpenID Connect issuer over HTTP: its metadata, its keys, and a code turned into claims that hold.

PyJWT checks signatures and dates; what OpenID Connect Core 3.1.3.7 asks beyond them is checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
import structlog

from chassis.clock import Clock
from chassis.problems import ServiceUnavailable
from services.job_api.edge.auth.tokens import KeySet
from services.job_api.signin.domain import challenge_of, is_loopback
from services.job_api.signin.errors import SignInFailed
from services.job_api.signin.settings import OidcSettings

_TIMEOUT_S = 10.0
_METADATA_AGE_S = 3600.0
_KEYS_AGE_S = 600.0
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Metadata:
    authorization_endpoint: str
    token_endpoint: str
    keys: KeySet
    secret_in_body: bool


@dataclass(frozen=True)
class CodeExchange:
    code: str
    verifier: str
    nonce: str
    redirect_uri: str


class OidcIssuer:
    """Touches nothing until the first sign-in. Raises ServiceUnavailable while the issuer does not answer."""

    def __init__(self, settings: OidcSettings, http: httpx.AsyncClient, clock: Clock) -> None:
        self.settings, self._http, self._clock = settings, http, clock
        self._metadata: Metadata | None = None
        self._read_at = float("-inf")

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, redirect_uri: str) -> str:
        endpoint = (await self._known()).authorization_endpoint
        query = urlencode({
            "response_type": "code", "client_id": self.settings.client_id, "redirect_uri": redirect_uri,
            "scope": self.settings.scopes, "state": state, "nonce": nonce, "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256"})
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    async def claims(self, exchange: CodeExchange) -> Mapping[str, Any]:
        """What the issuer says about whoever signed in. Raises SignInFailed."""
        metadata = await self._known()
        token = (await self._exchange(metadata, exchange)).get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("no ID token")
        claims = await self._verified(metadata.keys, token)
        if claims.get("nonce") != exchange.nonce:
            raise SignInFailed("the nonce is another sign-in's")
        return claims

    async def _known(self) -> Metadata:
        """Read anew every hour; while the issuer is away the last ones hold."""
        if self._metadata is not None and self._clock.monotonic() - self._read_at < _METADATA_AGE_S:
            return self._metadata
        try:
            self._metadata = self._understood(await self._read())
            self._read_at = self._clock.monotonic()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("issuer_not_read", issuer=self.settings.issuer, error=repr(error))
            if self._metadata is None:
                raise _unavailable() from error
        return self._metadata

    async def _read(self) -> Mapping[str, Any]:
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        response = await self._http.get(url, timeout=_TIMEOUT_S)
        response.raise_for_status()
        found: Mapping[str, Any] = response.json()
        return found

    def _understood(self, found: Mapping[str, Any]) -> Metadata:
        """Raises ValueError, KeyError."""
        if found["issuer"] != self.settings.issuer:
            raise ValueError("the document is another issuer's")
        for name in _ENDPOINTS:
            if urlsplit(found[name]).scheme != "https" and not is_loopback(found[name]):
                raise ValueError(f"{name} is not https")
        known = self._metadata
        keys = known.keys if known else KeySet(found["jwks_uri"], self._http, self._clock, _KEYS_AGE_S)
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(found["authorization_endpoint"], found["token_endpoint"], keys,
                        secret_in_body="client_secret_basic" not in methods)

    async def _exchange(self, metadata: Metadata, exchange: CodeExchange) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": exchange.code, "redirect_uri": exchange.redirect_uri,
                "code_verifier": exchange.verifier}
        try:
            response = await self._http.post(
                metadata.token_endpoint, timeout=_TIMEOUT_S, **self._signed(metadata, form))
            if response.status_code >= 500:
                response.raise_for_status()
            answer = response.json()
        except httpx.HTTPError as error:
            log.warning("issuer_does_not_answer", issuer=self.settings.issuer, error=repr(error))
            raise _unavailable() from error
        except ValueError as error:
            raise SignInFailed("the token endpoint's answer is not JSON") from error
        if not response.is_success or not isinstance(answer, dict):
            raise SignInFailed("the issuer refused the code")
        return answer

    def _signed(self, metadata: Metadata, form: dict[str, str]) -> dict[str, Any]:
        """How this client shows who it is: RFC 6749, 2.3.1."""
        secret, client_id = self.settings.secret(), self.settings.client_id
        if not secret:
            return {"data": form | {"client_id": client_id}}
        if metadata.secret_in_body:
            return {"data": form | {"client_id": client_id, "client_secret": secret}}
        return {"data": form, "auth": httpx.BasicAuth(client_id, secret)}

    async def _verified(self, keys: KeySet, token: str) -> Mapping[str, Any]:
        settings = self.settings
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in settings.algorithms:
                raise jwt.InvalidAlgorithmError("algorithm not accepted")
            key = await keys.find(header.get("kid"))
            if key is None:
                raise jwt.InvalidKeyError("unknown key id")
            claims: dict[str, Any] = jwt.decode(
                token, key.key, algorithms=[header["alg"]], issuer=settings.issuer, audience=settings.client_id,
                leeway=settings.leeway_s, options={"require": ["exp", "iat", "iss", "aud", "sub"]})
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise SignInFailed(f"{type(error).__name__}: {error}") from error
        _meant_for(claims, settings.client_id)
        return claims


def _meant_for(claims: Mapping[str, Any], client_id: str) -> None:
    """A token for several audiences names the one that it was issued to."""
    party, audience = claims.get("azp"), claims["aud"]
    if party != client_id and (party is not None or (isinstance(audience, list) and len(audience) > 1)):
        raise SignInFailed("the token was issued to another client")
    if not claims["sub"]:
        raise SignInFailed("the token names nobody")


def _unavailable() -> ServiceUnavailable:
    return ServiceUnavailable("The identity provider does not answer.", code="identity_provider_unavailable")

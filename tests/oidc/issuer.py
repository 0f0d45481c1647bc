"""Authorization code flow as OpenID Connect Core describes it, for one client and whoever `person` is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from stack.parts import free_port

CLIENT_ID, CLIENT_SECRET = "brightrun-tests", "a secret & with signs: %/+"
ADA = {"sub": "subject-of-ada", "email": "Ada@Example.com", "email_verified": True, "name": "Ada"}


@dataclass
class Misbehaviour:
    """How the next answers are wrong. `claims` replace those of the ID token (None removes one)."""

    claims: dict[str, Any] = field(default_factory=dict)
    unsigned: bool = False
    foreign_key: bool = False
    hmac_with_public_key: bool = False
    key_id: str | None = None
    refuses: bool = False
    down: bool = False
    says_it_is: str = ""
    without_id_token: bool = False


@dataclass
class Issued:
    nonce: str
    challenge: str
    redirect_uri: str
    person: dict[str, Any]


class LocalIssuer:
    def __init__(self, algorithm: str = "RS256") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.algorithm = algorithm
        self.keys: dict[str, Any] = {}
        self.person: dict[str, Any] = dict(ADA)
        self.wrong = Misbehaviour()
        self.client_secret = CLIENT_SECRET
        self.redirect_uris: list[str] = []
        self.codes: dict[str, Issued] = {}
        self.asked: list[str] = []
        self.rotate()

    def rotate(self) -> str:
        """A new signing key; the ones before are published no more."""
        name = f"key-{secrets.token_hex(4)}"
        curve = self.algorithm == "ES256"
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)}
        return name

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LocalIssuer]:
        routes = [Route("/.well-known/openid-configuration", self._metadata), Route("/jwks", self._jwks),
                  Route("/authorize", self._authorize), Route("/token", self._token, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=self.port, log_config=None,
                                timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            assert not task.done()
            await asyncio.sleep(0.01)
        yield self
        server.should_exit = True
        await task

    async def _metadata(self, _: Request) -> Response:
        self.asked.append("metadata")
        if self.wrong.down:
            return Response("down", 503)
        return JSONResponse({
            "issuer": self.wrong.says_it_is or self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"]})

    async def _jwks(self, _: Request) -> Response:
        self.asked.append("jwks")
        algorithm = jwt.algorithms.ECAlgorithm if self.algorithm == "ES256" else jwt.algorithms.RSAAlgorithm
        return JSONResponse({"keys": [
            algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": self.algorithm, "use": "sig"}
            for name, key in self.keys.items()]})

    async def _authorize(self, request: Request) -> Response:
        """Signs `person` in without asking."""
        asked = request.query_params
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        if asked["redirect_uri"] not in self.redirect_uris:
            return Response("redirect_uri is not registered", 400)
        back = {"state": asked["state"], "iss": self.url}
        if self.wrong.refuses:
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back | {'error': 'access_denied'})}", 302)
        code = secrets.token_urlsafe(16)
        self.codes[code] = Issued(asked["nonce"], asked["code_challenge"], asked["redirect_uri"], dict(self.person))
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back | {'code': code})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if not self._is_the_client(request):
            return JSONResponse({"error": "invalid_client"}, 401)
        issued = self.codes.pop(form.get("code", ""), None)
        if issued is None or form.get("redirect_uri") != issued.redirect_uri:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if _s256(form.get("code_verifier", "")) != issued.challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 60}
        return JSONResponse(answer if self.wrong.without_id_token else answer | {"id_token": self._id_token(issued)})

    def _is_the_client(self, request: Request) -> bool:
        sent = request.headers.get("authorization", "").removeprefix("Basic ")
        return base64.b64decode(sent).decode() == f"{CLIENT_ID}:{self.client_secret}"

    def _id_token(self, issued: Issued) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": issued.nonce}
        claims = {name: value for name, value in (claims | issued.person | self.wrong.claims).items()
                  if value is not None}
        [(name, key)] = self.keys.items()
        headers = {"kid": self.wrong.key_id or name}
        if self.wrong.unsigned:
            return jwt.encode(claims, None, "none", headers=headers)
        if self.wrong.hmac_with_public_key:
            return _forged(claims, key, headers)
        if self.wrong.foreign_key:
            key = type(self)(self.algorithm).keys.popitem()[1]
        return jwt.encode(claims, key, self.algorithm, headers=headers)


def _forged(claims: dict[str, Any], key: Any, headers: dict[str, str]) -> str:
    """Signed with what everybody knows, in the hope that it is taken for a shared secret."""
    import hmac
    import json

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    text = part({"alg": "HS256", **headers}) + b"." + part(claims)
    signature = hmac.new(public, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

"""Who is signed in: a cookie that only this service can read, and a token that forms must bring back."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from starlette.requests import Request
from starlette.responses import Response

from chassis.clock import Clock

COOKIE = "brightrun_session"
_SALT_BYTES = 16


def _nonce() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True)
class Session:
    """`credential`: the API key or session token, empty before a sign-in. `pending`: of a sign-in that went to the
    identity provider: verifier, state and where to go afterwards."""

    credential: str = field(default="", repr=False)
    nonce: str = field(default_factory=_nonce, repr=False)
    kind: str = ""
    pending: dict[str, str] = field(default_factory=dict, repr=False)
    expires_at: float = 0.0

    @property
    def signed_in(self) -> bool:
        return bool(self.credential)


class Sessions:
    """Seals and opens the cookie. `secure`: sent over TLS alone."""

    def __init__(self, key: bytes, hours: float, clock: Clock) -> None:
        self._box = SecretBox(hashlib.sha256(b"cookie" + key).digest())
        self._mac = hashlib.sha256(b"form" + key).digest()
        self._life_s, self._clock = hours * 3600, clock

    def read(self, request: Request) -> Session:
        """The one of the request; a new, anonymous one where there is none, or it cannot be read or is too old."""
        try:
            sealed = base64.urlsafe_b64decode(request.cookies.get(COOKIE, "").encode())
            found = Session(**json.loads(self._box.decrypt(sealed)))
        except (ValueError, TypeError, CryptoError):
            return Session()
        return found if found.expires_at > self._clock.now().timestamp() else Session()

    def write(self, response: Response, session: Session, *, secure: bool) -> None:
        lasting = replace(session, expires_at=self._clock.now().timestamp() + self._life_s)
        sealed = base64.urlsafe_b64encode(self._box.encrypt(json.dumps(asdict(lasting)).encode())).decode()
        response.set_cookie(COOKIE, sealed, max_age=int(self._life_s), path="/", httponly=True, samesite="lax",
                            secure=secure)

    def forget(self, response: Response, *, secure: bool) -> None:
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=secure)

    def form_token(self, session: Session) -> str:
        """Another one each time: a page that is compressed must not repeat a secret."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return base64.urlsafe_b64encode(salt + self._tag(salt, session)).decode()

    def accepts(self, session: Session, token: Any) -> bool:
        try:
            given = base64.urlsafe_b64decode(str(token).encode())
        except ValueError:
            return False
        salt, tag = given[:_SALT_BYTES], given[_SALT_BYTES:]
        return hmac.compare_digest(self._tag(salt, session), tag)

    def _tag(self, salt: bytes, session: Session) -> bytes:
        return hmac.new(self._mac, salt + session.nonce.encode(), hashlib.sha256).digest()

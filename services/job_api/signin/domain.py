"""The rules of a sign-in: what is compared, and whom an identity may become."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

SHOW_CODE = "urn:brightrun:show-code"
"""Instead of an address to go back to: the code is shown, to be typed into a program elsewhere."""
SIGN_IN_LIFE = timedelta(minutes=10)
GRANT_LIFE = timedelta(minutes=2)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE = r"^[A-Za-z0-9_-]{43}$"


@dataclass(frozen=True)
class Identity:
    """Somebody as the issuer knows them. `email` in small letters; empty when the token has none."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]


def identity_of(issuer: str, claims: Mapping[str, Any]) -> Identity:
    email = claims.get("email")
    return Identity(issuer, str(claims["sub"]), email.strip().lower() if isinstance(email, str) else "",
                    _says_yes(claims.get("email_verified")), str(claims.get("name") or "")[:200], claims)


def _says_yes(value: Any) -> bool:
    """Some issuers say it as text."""
    return value is True or value == "true"


def new_secret() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return base64.urlsafe_b64encode(digest(verifier)).rstrip(b"=").decode()


def answers(verifier: str, challenge: str) -> bool:
    return bool(_VERIFIER.fullmatch(verifier)) and hmac.compare_digest(challenge_of(verifier), challenge)


def is_loopback(address: str) -> bool:
    """A program on the user's own machine, at any port (RFC 8252, 7.3)."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and host in ("127.0.0.1", "::1") and not (parts.username or parts.fragment)


def may_lead_to(redirect_uri: str, allowed: tuple[str, ...]) -> bool:
    """An open redirect would hand codes to whoever asks for them."""
    return redirect_uri == SHOW_CODE or redirect_uri in allowed or is_loopback(redirect_uri)

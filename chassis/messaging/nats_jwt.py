"""NATS keys and tokens (JWT version 2, algorithm ed25519-nkey): who may connect and which subjects they may use.

A chain of three: the operator signs accounts, an account signs users, the server trusts the operator's token in
its configuration. Format: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt
and github.com/nats-io/jwt (version 2.8), field names as there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import nkeys
from nacl.signing import VerifyKey

JWT_VERSION = 2
NO_LIMIT = -1
_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


class InvalidToken(ValueError):
    """Not a NATS token, or its signature does not match."""


@dataclass(frozen=True)
class Key:
    """An nkey: `public` (56 characters) is a name anyone may know, `seed` signs for it."""

    public: str
    seed: str = field(repr=False)

    @classmethod
    def from_seed(cls, seed: str) -> Key:
        text = seed.strip()
        return cls(nkeys.from_seed(text.encode()).public_key.decode(), text)

    def sign(self, data: bytes) -> bytes:
        return bytes(nkeys.from_seed(self.seed.encode()).sign(data))


def new_operator_key() -> Key:
    return _new_key(nkeys.PREFIX_BYTE_OPERATOR)


def new_account_key() -> Key:
    return _new_key(nkeys.PREFIX_BYTE_ACCOUNT)


def new_user_key() -> Key:
    return _new_key(nkeys.PREFIX_BYTE_USER)


@dataclass(frozen=True)
class Permissions:
    """Subjects a user may publish and subscribe to; nothing else. `replies` lets it answer each request that it
    received, once, whatever the requester's inbox is called."""

    publish: Sequence[str] = ()
    subscribe: Sequence[str] = ()
    replies: bool = False

    def claims(self) -> dict[str, Any]:
        """An empty allow list would mean "everything", so nothing allowed is written as everything denied."""
        document: dict[str, Any] = {"pub": _only(self.publish), "sub": _only(self.subscribe)}
        if self.replies:
            document["resp"] = {"max": 1, "ttl": 60 * 1_000_000_000}
        return document


@dataclass(frozen=True)
class Limits:
    """What one user, or all users of an account together, may hold; -1: any amount. `payload` is in bytes."""

    subscriptions: int = NO_LIMIT
    payload: int = NO_LIMIT
    connections: int = NO_LIMIT
    leaf_nodes: int = NO_LIMIT

    def claims(self) -> dict[str, int]:
        return {"subs": self.subscriptions, "data": NO_LIMIT, "payload": self.payload}


NO_LIMITS = Limits()


def operator_token(operator: Key, name: str, *, signing_keys: Sequence[str], system_account: str) -> str:
    """Strict: the identities of operator and accounts sign nothing that a server would believe; their signing keys
    can be replaced."""
    nats = {"signing_keys": list(signing_keys), "system_account": system_account, "strict_signing_key_usage": True}
    return _token("operator", operator, operator.public, name, nats)


def account_token(
    signer: Key, account: str, name: str, *, signing_keys: Sequence[str] = (), jetstream: bool = False,
    exports: Sequence[str] = (), imports: Mapping[str, str] | None = None, limits: Limits = NO_LIMITS,
    revocations: Mapping[str, int] | None = None,
) -> str:
    """`signer` is one of the operator's signing keys; `revocations` maps users to "tokens issued up to".

    `exports` are subjects on which other accounts may ask this one, `imports` maps such subjects to the account that
    exports them. A message passes in one direction only, its answer returns to the account that asked, and the
    server puts a reply subject of its own in place of the one that was given.
    """
    nats: dict[str, Any] = {
        "limits": _account_limits(limits, jetstream, imports or {}, exports), "signing_keys": list(signing_keys),
        "default_permissions": {"pub": {}, "sub": {}},
        "exports": [{"name": subject, "subject": subject, "type": "service"} for subject in exports],
        "imports": [{"name": subject, "subject": subject, "account": exporter, "type": "service"}
                    for subject, exporter in (imports or {}).items()],
    }
    if revocations:
        nats["revocations"] = dict(revocations)
    return _token("account", signer, account, name, nats)


def user_token(
    signer: Key, account: str, user: str, name: str, permissions: Permissions, *, limits: Limits = NO_LIMITS,
    expires: datetime | None = None,
) -> str:
    """`signer` is one of the account's signing keys, `account` the account's public key. The limits hold for
    each connection."""
    nats = {**permissions.claims(), **limits.claims(), "issuer_account": account}
    return _token("user", signer, user, name, nats, expires)


def resigned(account_jwt: str, signer: Key, signing_keys: Sequence[str] | None = None) -> str:
    """The same account, signed by another key of the operator; with `signing_keys` other keys sign its users."""
    claims = claims_of(account_jwt)
    nats = claims["nats"] if signing_keys is None else claims["nats"] | {"signing_keys": list(signing_keys)}
    return _token("account", signer, claims["sub"], claims["name"], nats)


def credentials(token: str, user_seed: str) -> str:
    """The text of a .creds file, which every NATS client reads. Keep it at mode 0600."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n"
        "NKEYs are sensitive and should be treated as secrets.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user_seed}\n------END USER NKEY SEED------\n"
    )


def token_of(creds: str) -> str:
    """The token in the text of a .creds file. Raises InvalidToken."""
    _, found, rest = creds.partition("-----BEGIN NATS USER JWT-----")
    if not found:
        raise InvalidToken("not the text of a .creds file")
    return rest.partition("------END")[0].strip()


def claims_of(token: str) -> dict[str, Any]:
    """The claims, after checking the issuer's signature. Raises InvalidToken."""
    try:
        header, payload, signature = token.strip().split(".")
        claims: dict[str, Any] = json.loads(_decode(payload))
        verifier = _verify_key(claims["iss"])
        verifier.verify(f"{header}.{payload}".encode(), _decode(signature))
    except Exception as error:
        raise InvalidToken("not a valid NATS token") from error
    return claims


def _new_key(prefix: int) -> Key:
    return Key.from_seed(nkeys.encode_seed(os.urandom(32), prefix).decode())


def _account_limits(
    limits: Limits, jetstream: bool, imports: Mapping[str, str], exports: Sequence[str]
) -> dict[str, Any]:
    stored = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), NO_LIMIT) if jetstream else {}
    return {
        **limits.claims(), "conn": limits.connections, "leaf": limits.leaf_nodes, "imports": len(imports),
        "exports": len(exports), "wildcards": True, **stored,
    }


def _only(subjects: Sequence[str]) -> dict[str, list[str]]:
    return {"allow": sorted(set(subjects))} if subjects else {"deny": [">"]}


def _token(
    kind: str, signer: Key, subject: str, name: str, nats: Mapping[str, Any], expires: datetime | None = None,
) -> str:
    claims: dict[str, Any] = {
        "jti": "", "iat": int(datetime.now(UTC).timestamp()), "iss": signer.public, "name": name, "sub": subject,
        "nats": {**nats, "type": kind, "version": JWT_VERSION},
    }
    if expires is not None:
        claims["exp"] = int(expires.timestamp())
    claims["jti"] = base64.b32encode(hashlib.sha256(_compact(claims)).digest()).decode().rstrip("=")
    signed = f"{_encode(_compact(_HEADER))}.{_encode(_compact(claims))}"
    return f"{signed}.{_encode(signer.sign(signed.encode()))}"


def _verify_key(public: str) -> VerifyKey:
    return VerifyKey(base64.b32decode(public)[1:33])  # one prefix byte, the key, two bytes of checksum


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

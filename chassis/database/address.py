"""Database URLs as operators write them, with libpq's `sslmode` and `sslrootcert`, for SQLAlchemy's driver.

The driver itself reads them from an address; SQLAlchemy would hand them on as arguments that it does not have.
"""

import ssl
from typing import Any

from sqlalchemy import URL, make_url

from chassis.password_from import FROM_FILE
from chassis.tls import client_context

VERIFIED = "verify-full"


def split(url: str) -> tuple[URL, dict[str, Any]]:
    """The address without them (and without `password_from`, see `password`), and the arguments that say the same.
    Raises TlsFileUnusable, and ValueError for an `sslmode` that believes anybody."""
    address = make_url(url)
    query = {name: str(value) for name, value in address.query.items()}
    query.pop(FROM_FILE, "")
    mode, authority = query.pop("sslmode", ""), query.pop("sslrootcert", "")
    certificate, key = query.pop("sslcert", ""), query.pop("sslkey", "")
    if not mode:
        return address.set(query=query), {}
    if mode not in ("disable", VERIFIED):
        raise ValueError(f"sslmode={mode} does not tell who answers: use {VERIFIED} with sslrootcert, or disable")
    context: ssl.SSLContext | bool = client_context(authority, certificate, key) if mode == VERIFIED else False
    return address.set(query=query), {"ssl": context}


def is_verified(url: str) -> bool:
    return make_url(url).query.get("sslmode") == VERIFIED

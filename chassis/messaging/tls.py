"""NATS over TLS, and nothing of ours in plain text where TLS was asked for."""

import ssl
from typing import Any

from nats.aio.client import Client
from nats.errors import Error

from chassis.tls import client_context


class PlainTextRefused(Error):
    """The server speaks no TLS, or somebody between pretends so."""

    def __str__(self) -> str:
        return "the NATS server offers no TLS, and this connection must have it"


class TlsOnlyClient(Client):
    """nats-py (2.16) sends its credentials in plain text to a server that says it has no TLS, whatever was asked for:
    whoever sits between could say so."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise PlainTextRefused
        await super()._process_info(info, initial_connection)


def nats_tls(url: str, authority: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext | None:
    """For `tls://...`, or where an authority is named; None: plain text. Raises TlsFileUnusable."""
    if not url.startswith("tls://") and not authority:
        return None
    return client_context(authority, certificate, key)

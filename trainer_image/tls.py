"""Whom the trainer believes: the authorities of its machine, and those that its spec names."""

import ssl
from typing import Any

from nats.aio.client import Client
from nats.errors import Error

from contracts.pod_environment import PodSpec


class PlainTextRefused(Error):
    """The broker speaks no TLS, or somebody between pretends so."""

    def __str__(self) -> str:
        return "the broker offers no TLS, and this connection must have it"


class TlsOnlyClient(Client):
    """nats-py (2.16) would send the credentials in plain text to a server that says it has no TLS."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise PlainTextRefused
        await super()._process_info(info, initial_connection)


def trusted(spec: PodSpec) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if spec.tls_authorities:
        context.load_verify_locations(cadata=spec.tls_authorities)
    return context


def new_client(spec: PodSpec) -> tuple[Client, dict[str, Any]]:
    """A client for the address of the broker, and what it is to be connected with."""
    if spec.nats_url.startswith("tls://"):
        return TlsOnlyClient(), {"tls": trusted(spec)}
    return Client(), {}

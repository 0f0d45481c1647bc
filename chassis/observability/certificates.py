"""When the certificates end that our addresses show to whoever connects."""

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_EVERY_S, _TIMEOUT_S = 300.0, 5.0
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # a client of PostgreSQL that wants TLS


def _ask_postgresql(connection: socket.socket) -> None:
    connection.sendall(_SSL_REQUEST)
    if connection.recv(1) != b"S":
        raise ConnectionError("PostgreSQL offers no TLS")


def _hear_nats(connection: socket.socket) -> None:
    """Its greeting, which comes in plain text; byte for byte: TLS begins right behind it."""
    heard = b""
    while not heard.endswith(b"\n"):
        if not (byte := connection.recv(1)):
            raise ConnectionError("NATS closed the connection")
        heard += byte


# What is said before TLS begins.
_BEFORE_TLS: dict[str, Callable[[socket.socket], None]] = {
    "": lambda _: None, "postgresql": _ask_postgresql, "nats": _hear_nats}


@dataclass(frozen=True)
class Address:
    """`scheme`: "postgresql" and "nats" begin TLS in their own way; empty: at once."""

    host: str
    port: int
    scheme: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def watched_addresses() -> list[Address]:
    """What BRIGHTRUN_WATCH_CERTIFICATES says. Raises ValueError for what is not `host:port` or `scheme://host:port`."""
    told = filter(None, (part.strip() for part in os.environ.get("BRIGHTRUN_WATCH_CERTIFICATES", "").split(",")))
    return [_address(text) for text in told]


def _address(text: str) -> Address:
    scheme, separator, place = text.rpartition("://")
    host, colon, port = place.rpartition(":")
    if not colon or not host or not port.isdigit() or (separator and scheme not in _BEFORE_TLS):
        raise ValueError(f"BRIGHTRUN_WATCH_CERTIFICATES: {text!r} is not host:port, nor that after postgresql:// "
                         "or nats://")
    return Address(host, int(port), scheme)


def expiry(address: Address) -> float:
    """Unix time at which the certificate ends, whoever signed it. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # looked at, not trusted
    with socket.create_connection((address.host, address.port), _TIMEOUT_S) as plain:
        _BEFORE_TLS[address.scheme](plain)
        with context.wrap_socket(plain, server_hostname=address.host) as secured:
            shown = secured.getpeercert(binary_form=True)
    if shown is None:
        raise ConnectionError(f"{address} showed no certificate")
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()


class CertificateCollector(Collector):
    """As `look_when_due` last saw them; one that cannot be seen keeps its last known end."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses, self._looked_at = addresses, float("-inf")
        self._ends: dict[str, float] = {}

    def look_when_due(self) -> None:
        if time.monotonic() - self._looked_at < _EVERY_S:
            return
        self._looked_at = time.monotonic()
        for address in self._addresses:
            try:
                self._ends[str(address)] = expiry(address)
            except OSError:
                continue

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "brightrun_certificate_expiry_timestamp_seconds", "When the certificate ends that this address shows",
            labels=["address"])
        for address, end in self._ends.items():
            family.add_metric([address], end)
        yield family

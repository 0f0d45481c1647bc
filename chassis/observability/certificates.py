"""When the certificates end that our addresses show to whoever connects."""

import os
import socket
import ssl
import time
from collections.abc import Iterator, Sequence

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_EVERY_S, _TIMEOUT_S = 300.0, 5.0


def watched_addresses() -> list[tuple[str, int]]:
    """What BRIGHTRUN_WATCH_CERTIFICATES says. Raises ValueError for what is not `host:port`."""
    found = []
    for text in filter(None, (part.strip() for part in os.environ.get("BRIGHTRUN_WATCH_CERTIFICATES", "").split(","))):
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit():
            raise ValueError(f"BRIGHTRUN_WATCH_CERTIFICATES: {text!r} is not host:port")
        found.append((host, int(port)))
    return found


def expiry(host: str, port: int) -> float:
    """Unix time at which the certificate ends, whoever signed it. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # looked at, not trusted
    with socket.create_connection((host, port), _TIMEOUT_S) as plain, context.wrap_socket(
            plain, server_hostname=host) as secured:
        shown = secured.getpeercert(binary_form=True)
    if shown is None:
        raise ConnectionError(f"{host}:{port} showed no certificate")
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()


class CertificateCollector(Collector):
    """As `look_when_due` last saw them; one that cannot be seen keeps its last known end."""

    def __init__(self, addresses: Sequence[tuple[str, int]]) -> None:
        self._addresses, self._looked_at = addresses, float("-inf")
        self._ends: dict[str, float] = {}

    def look_when_due(self) -> None:
        if time.monotonic() - self._looked_at < _EVERY_S:
            return
        self._looked_at = time.monotonic()
        for host, port in self._addresses:
            try:
                self._ends[f"{host}:{port}"] = expiry(host, port)
            except OSError:
                continue

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "brightrun_certificate_expiry_timestamp_seconds", "When the certificate ends that this address shows",
            labels=["address"])
        for address, end in self._ends.items():
            family.add_metric([address], end)
        yield family

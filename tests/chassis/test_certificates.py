"""The end of a certificate is read from whoever shows it, whoever signed it."""

import datetime
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from chassis.observability.certificates import CertificateCollector, watched_addresses
from stack.parts import free_port

END = datetime.datetime(2031, 5, 6, tzinfo=datetime.UTC)


@pytest.fixture
def secured(tmp_path: Path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(END - datetime.timedelta(days=9000)).not_valid_after(END)
        .sign(key, hashes.SHA256()))
    file = tmp_path / "server.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_the_end_is_told_and_one_that_is_not_there_tells_nothing(secured: int, monkeypatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_WATCH_CERTIFICATES", f"127.0.0.1:{secured}, 127.0.0.1:{free_port()}")
    registry, collector = CollectorRegistry(), CertificateCollector(watched_addresses())
    registry.register(collector)
    collector.look_when_due()
    told = [sample for family in registry.collect() for sample in family.samples]
    assert [(sample.labels["address"], sample.value) for sample in told] == [
        (f"127.0.0.1:{secured}", END.timestamp())]


@pytest.mark.parametrize("text", ["localhost", "localhost:https", ":443"])
def test_an_address_without_a_port_is_refused(text: str, monkeypatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_WATCH_CERTIFICATES", text)
    with pytest.raises(ValueError, match="host:port"):
        watched_addresses()

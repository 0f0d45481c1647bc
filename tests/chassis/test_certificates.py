"""The end of a certificate is read from whoever shows it, whoever signed it."""

import datetime
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from chassis.observability.certificates import Address, CertificateCollector, watched_addresses
from stack.parts import free_port

END = datetime.datetime(2031, 5, 6, tzinfo=datetime.UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(END - datetime.timedelta(days=9000)).not_valid_after(END)
        .sign(key, hashes.SHA256()))
    file = tmp_path / "server.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return file


@pytest.fixture
def secured(certificate: Path):
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
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


def _speaking_first(greeting: bytes, request: bytes, answer: bytes, file: Path) -> int:
    """A server that begins TLS in its own way, for one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.sendall(greeting)
            if connection.recv(len(request)) == request:
                connection.sendall(answer)
                with suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(("scheme", "greeting", "request_", "answer", "told"), [
    ("postgresql", b"", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S", True),
    ("postgresql", b"", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"N", False),
    ("nats", b'INFO {"tls_required": true}\r\n', b"", b"", True),
])
def test_servers_that_speak_before_tls_are_asked_in_their_own_way(
    scheme: str, greeting: bytes, request_: bytes, answer: bytes, told: bool, certificate: Path
) -> None:
    port = _speaking_first(greeting, request_, answer, certificate)
    collector = CertificateCollector([Address("127.0.0.1", port, scheme)])
    collector.look_when_due()
    [family] = collector.collect()
    assert [sample.value for sample in family.samples] == ([END.timestamp()] if told else [])


def test_the_way_of_asking_stands_in_the_address(monkeypatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_WATCH_CERTIFICATES", "postgresql://db:5432, nats://broker:4222,proxy:443")
    assert watched_addresses() == [
        Address("db", 5432, "postgresql"), Address("broker", 4222, "nats"), Address("proxy", 443)]


@pytest.mark.parametrize("text", ["localhost", "localhost:https", ":443", "smtp://mail:25"])
def test_an_address_without_a_port_is_refused(text: str, monkeypatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_WATCH_CERTIFICATES", text)
    with pytest.raises(ValueError, match="host:port"):
        watched_addresses()

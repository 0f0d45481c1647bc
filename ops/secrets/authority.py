"""The installation's own certificate authority, and the certificates that it gives to the servers.

Clients believe the authority alone (`ca.crt`); its key stays in FOLDER/master and reaches no container. Both live for
ten years. A server's certificate lives for one: in the last 60 days, with another name or on demand it is made anew,
with a new key, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.private_files import private_folder, write_private

_AUTHORITY, _LIFETIME, _OF_AUTHORITY = "ca", timedelta(days=365), timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=60)
# Clocks that are a little behind believe a certificate that was made just now.
_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def text(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_text(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def belongs_together(self) -> bool:
        """No after a key was written and its certificate was not."""
        return self.certificate.public_key() == self.key.public_key()

    @property
    def end(self) -> datetime:
        return self.certificate.not_valid_after_utc

    def is_for(self, hosts: Sequence[str]) -> bool:
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(hosts) == set(names.get_values_for_type(x509.DNSName))


@dataclass(frozen=True)
class Authority:
    """`renewing`: certificates of servers are made anew whatever their age."""

    folder: Path
    own: Pair
    renewing: bool = False

    @classmethod
    def ensure(cls, folder: Path, *, renewing: bool = False) -> Authority:
        """Raises ValueError when what is there cannot be read."""
        private_folder(folder)
        own = _stored(folder, _AUTHORITY)
        if own is not None and not own.belongs_together:
            raise ValueError(f"{folder / _AUTHORITY}.crt and .key do not belong together")
        return cls(folder, own or _written(folder, _AUTHORITY, _new_authority()), renewing)

    def server(self, name: str, hosts: Sequence[str]) -> Pair:
        """The one that is there while it is good, else a new one. No certificate outlives the authority's."""
        pair = _stored(self.folder, name)
        if pair is not None and not self.renewing and self._is_good(pair) and pair.is_for(hosts):
            return pair
        return _written(self.folder, name, self._new_server(hosts))

    def first_end(self) -> datetime | None:
        """Of the servers' certificates; None: none was made here."""
        names = [path.stem for path in self.folder.glob("*.crt") if path.stem != _AUTHORITY]
        return min((pair.end for name in names if (pair := _stored(self.folder, name))), default=None)

    def _is_good(self, pair: Pair) -> bool:
        if not pair.belongs_together or pair.end - datetime.now(UTC) < RENEWED_BEFORE:
            return False
        try:
            pair.certificate.verify_directly_issued_by(self.own.certificate)
        except Exception:  # of several kinds: another name, another key, no signature
            return False
        return True

    def _new_server(self, hosts: Sequence[str]) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = (_builder(_named(hosts[0]), self.own.certificate.subject, key, _LIFETIME, latest=self.own.end)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                   .add_extension(_usage(digital_signature=True), critical=True)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                   .add_extension(names, critical=False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.key.public_key()), False))
        return Pair(builder.sign(self.own.key, SHA256()), key)


def _new_authority() -> Pair:
    key, name = ec.generate_private_key(ec.SECP256R1()), _named("Bright Run internal authority")
    builder = (_builder(name, name, key, _OF_AUTHORITY)
               .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
               .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True))
    return Pair(builder.sign(key, SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    end = now + lifetime if latest is None else min(now + lifetime, latest)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - _SKEW).not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False))


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=key_cert_sign, crl_sign=crl_sign, encipher_only=False, decipher_only=False)


def _stored(folder: Path, name: str) -> Pair | None:
    """None where none is. Raises ValueError for what is damaged."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not certificate.exists():
        return None
    read = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(read, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{key} is not a key that was made here")
    return Pair(x509.load_pem_x509_certificate(certificate.read_bytes()), read)


def _written(folder: Path, name: str, pair: Pair) -> Pair:
    """The certificate last: with it the pair is complete."""
    write_private(folder / f"{name}.key", pair.key_text)
    write_private(folder / f"{name}.crt", pair.text)
    return pair

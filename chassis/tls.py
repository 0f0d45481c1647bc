"""TLS to the parts that are not on this machine: whom a service believes, and what it says when it does not."""

import ssl
from collections.abc import Iterator
from pathlib import Path

# OpenSSL's X509_V_ERR_...: what an operator can do something about.
_REASONS = {
    9: "its certificate is not valid yet; is this machine's clock right?",
    10: "its certificate has expired",
    18: "its certificate is signed by itself, not by the authority that is believed here",
    19: "its certificate is signed by an authority that is not believed here",
    20: "its certificate is signed by an authority that is not believed here",
    21: "its certificate is signed by an authority that is not believed here",
    62: "its certificate is for another host",
    64: "its certificate is for another address",
}


class TlsFileUnusable(ValueError):
    """A certificate or key that a setting names cannot be read."""


def client_context(authority: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """Believes what `authority` (a PEM file; empty: the machine's own) has signed, and only for the host that was
    called. With `certificate` and `key` it shows one of its own. Raises TlsFileUnusable."""
    if bool(certificate) != bool(key):
        raise TlsFileUnusable("a client certificate and its key go together: set both, or neither")
    for path in filter(None, (authority, certificate, key)):
        if not Path(path).is_file():
            raise TlsFileUnusable(f"{path}: there is no such file")
    try:
        context = ssl.create_default_context(cafile=authority or None)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise TlsFileUnusable(f"{authority or certificate}: no usable PEM file ({error})") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def also_believing(authority: str) -> ssl.SSLContext:
    """This machine's authorities, and this one (a PEM file; empty: none). Raises TlsFileUnusable."""
    context = client_context()
    if authority:
        client_context(authority)
        context.load_verify_locations(authority)
    return context


def reason(error: BaseException) -> str:
    """Why a TLS connection was refused, in words; empty for an error that is about something else."""
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            known = _REASONS.get(link.verify_code, link.verify_message)
            return f"the server was not believed: {known}"
        if isinstance(link, ssl.SSLError):
            return f"no TLS connection: {link.reason or link}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__

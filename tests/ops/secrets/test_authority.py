"""The installation's own authority: made once; good certificates stay, others are made anew, by one command."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ops.secrets import authority as module
from ops.secrets.authority import RENEWED_BEFORE, Authority
from ops.secrets.consumers import SHOW_CERTIFICATES, Addresses, folders
from ops.secrets.material import Material

HOSTS = ("nats", "nats.brightrun.svc", "localhost")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


def shake_hands(ca: str, certificate: Path, key: Path, host: str) -> None:
    """In memory, as two machines would. Raises SSLCertVerificationError of the client."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)
    believing = ssl.create_default_context(cadata=ca)
    believing.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = believing.wrap_bio(to_client, to_server, server_hostname=host)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() in ("TLSv1.2", "TLSv1.3")


def test_a_client_believes_it_by_every_name_and_by_no_other(folder: Path) -> None:
    authority = Authority.ensure(folder)
    authority.server("nats", HOSTS)
    for host in HOSTS:
        shake_hands(authority.own.text, folder / "nats.crt", folder / "nats.key", host)
    with pytest.raises(ssl.SSLCertVerificationError, match="postgres"):
        shake_hands(authority.own.text, folder / "nats.crt", folder / "nats.key", "postgres")


def test_another_installations_authority_is_not_believed(folder: Path, tmp_path: Path) -> None:
    Authority.ensure(folder).server("nats", HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(Authority.ensure(tmp_path / "other").own.text, folder / "nats.crt", folder / "nats.key", "nats")


def test_what_is_good_stays(folder: Path) -> None:
    first = Authority.ensure(folder).server("nats", HOSTS)
    again = Authority.ensure(folder)
    assert again.server("nats", HOSTS).text == first.text
    assert timedelta(days=364) < first.end - datetime.now(UTC) < timedelta(days=366)
    assert again.first_end() == first.end


@pytest.mark.parametrize("left", [RENEWED_BEFORE - timedelta(days=1), timedelta(days=-1)])
def test_one_that_ends_soon_or_has_ended_is_made_anew_by_the_same_authority(
    folder: Path, left: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.ensure(folder)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_LIFETIME", left)
        patch.setattr(module, "_SKEW", timedelta(days=2))
        old = authority.server("nats", HOSTS)
    new = Authority.ensure(folder).server("nats", HOSTS)
    assert new.end > old.end
    assert new.key_text != old.key_text
    assert Authority.ensure(folder).own.text == authority.own.text
    shake_hands(authority.own.text, folder / "nats.crt", folder / "nats.key", "nats")


def test_another_name_or_half_a_pair_makes_a_new_one(folder: Path) -> None:
    authority = Authority.ensure(folder)
    first = authority.server("nats", HOSTS)
    renamed = authority.server("nats", ("nats", "broker"))
    assert renamed.is_for(("broker", "nats"))
    (folder / "nats.key").write_text(first.key_text)
    third = authority.server("nats", ("nats", "broker"))
    assert third.belongs_together
    assert third.text not in (first.text, renamed.text)


def test_a_lost_authority_is_replaced_with_everything_that_it_had_signed(folder: Path) -> None:
    old = Authority.ensure(folder)
    old.server("nats", HOSTS)
    (folder / "ca.crt").unlink()
    new = Authority.ensure(folder)
    new.server("nats", HOSTS)
    assert new.own.text != old.own.text
    shake_hands(new.own.text, folder / "nats.crt", folder / "nats.key", "nats")


def test_an_authority_whose_halves_do_not_fit_is_refused(folder: Path) -> None:
    authority = Authority.ensure(folder)
    (folder / "ca.key").write_text(authority.server("nats", HOSTS).key_text)
    with pytest.raises(ValueError, match="do not belong together"):
        Authority.ensure(folder)


def test_no_certificate_outlives_the_authority(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OF_AUTHORITY", timedelta(days=100))
    authority = Authority.ensure(folder)
    assert authority.server("nats", HOSTS).end == authority.own.end


def test_renewing_replaces_certificates_and_no_other_secret(tmp_path: Path) -> None:
    def files(*, renewing: bool) -> dict[str, str]:
        made = folders(Material.ensure(tmp_path / "s", renew_certificates=renewing), Addresses())
        return {f"{folder.name}/{name}": text for folder in made for name, text in folder.files.items()
                if not name.endswith((".creds", ".conf"))}  # tokens carry the time they were made at

    before, same, renewed = files(renewing=False), files(renewing=False), files(renewing=True)
    assert same == before
    assert {name for name in before if renewed[name] != before[name]} == {
        f"{server}/{file}" for server in SHOW_CERTIFICATES for file in ("tls.crt", "tls.key")}


def test_a_server_shows_the_names_of_containers_and_of_a_cluster(tmp_path: Path) -> None:
    addresses = Addresses(postgres="postgres-rw:5432", namespace="prod")
    made = {folder.name: folder.files for folder in folders(Material.ensure(tmp_path / "s"), addresses)}
    shown = x509.load_pem_x509_certificate(made["postgres"]["tls.crt"].encode())
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "postgres", "postgres-rw", "postgres.prod", "postgres.prod.svc", "postgres.prod.svc.cluster.local", "localhost"}
    assert {name for name, files in made.items() if "tls.key" in files} == set(SHOW_CERTIFICATES)
    assert not [name for name, files in made.items() if "ca.key" in files]


def test_where_others_make_certificates_none_is_made_and_clients_believe_theirs(tmp_path: Path) -> None:
    made = folders(Material.ensure(tmp_path / "s"), Addresses(authority="/run/secrets/authority/ca.crt"))
    assert not [folder.name for folder in made if {"ca.crt", "tls.crt", "tls.key"} & set(folder.files)]
    [job_api] = [folder for folder in made if folder.name == "job_api"]
    assert "sslrootcert=/run/secrets/authority/ca.crt" in job_api.files["brightrun_database_url"]
    assert job_api.files["brightrun_redis_url"].endswith("ssl_ca_certs=/run/secrets/authority/ca.crt")

"""Secrets come from a folder of files where one is named; a variable comes first."""

from pathlib import Path

import pytest

from chassis.database.address import is_verified, split
from chassis.settings import SECRETS_DIR, ServiceSettings, secret
from services.job_api.settings import Settings as JobApiSettings
from services.provisioner.settings import Settings as ProvisionerSettings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    return tmp_path


def test_each_secret_is_a_file_named_like_its_variable(folder: Path) -> None:
    (folder / "brightrun_database_url").write_text("postgresql+asyncpg://from:file@postgres/db\n")
    (folder / "brightrun_s3_secret_key").write_text("from-a-file")
    settings = ServiceSettings(service_name="test")
    file = folder / "brightrun_database_url"
    assert settings.database_url == f"postgresql+asyncpg://from:file@postgres/db?password_from={file}"
    assert settings.s3_secret_key.get_secret_value() == "from-a-file"
    assert "from-a-file" not in repr(settings)


def test_a_variable_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "brightrun_redis_url").write_text("redis://from-a-file")
    monkeypatch.setenv("BRIGHTRUN_REDIS_URL", "redis://from-a-variable")
    assert ServiceSettings(service_name="test").redis_url == "redis://from-a-variable"
    assert secret("BRIGHTRUN_REDIS_URL") == "redis://from-a-variable"


def test_services_read_them_under_every_name_they_know(folder: Path) -> None:
    (folder / "brightrun_webhook_secret").write_text("signs")
    (folder / "brightrun_runpod_api_key").write_text("key")
    assert JobApiSettings().webhook_secret.get_secret_value() == "signs"
    assert ProvisionerSettings().runpod_key() == "key"


def test_one_shot_jobs_read_them_too(folder: Path) -> None:
    assert secret("BRIGHTRUN_DATABASE_URL") == ""
    (folder / "brightrun_database_url").write_text("postgresql+asyncpg://job\n")
    assert secret("BRIGHTRUN_DATABASE_URL") == "postgresql+asyncpg://job"


def test_without_the_folder_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRETS_DIR, raising=False)
    assert ServiceSettings(service_name="test").database_url == ""


def test_ids_of_taken_events_outlast_what_an_outbox_repeats() -> None:
    with pytest.raises(ValueError, match="BRIGHTRUN_INBOX_RETENTION_DAYS must be greater"):
        ServiceSettings(service_name="test", outbox_retention_days=30, inbox_retention_days=30)


def test_an_address_of_a_variable_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "brightrun_database_url").write_text("postgresql+asyncpg://from:file@postgres/db\n")
    monkeypatch.setenv("BRIGHTRUN_DATABASE_URL", "postgresql+asyncpg://from:variable@postgres/db")
    assert ServiceSettings(service_name="test").database_url == "postgresql+asyncpg://from:variable@postgres/db"


def test_the_rest_of_an_address_stays(folder: Path) -> None:
    tail = "sslmode=verify-full&sslrootcert=/tls/ca.pem"
    (folder / "brightrun_database_tenant_url").write_text(f"postgresql+asyncpg://a:b@postgres/db?{tail}")
    settings = ServiceSettings(service_name="test", tls_required=False)
    assert is_verified(settings.database_tenant_url)
    address, secured = split(settings.database_tenant_url.replace("verify-full", "disable"))
    assert (dict(address.query), secured) == ({}, {"ssl": False})

"""What every service is told from outside, read from `BRIGHTRUN_*` variables by its composition root."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, TypeAdapter, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from chassis.password_from import with_password_from

# A folder with one file for each secret setting, named like its variable in small letters: what containers are given
# instead of an environment that `inspect` shows. A variable that is set comes first.
SECRETS_DIR = "BRIGHTRUN_SECRETS_DIR"


def secret(variable: str) -> str:
    """The variable's value, else what the folder of secrets holds under its name; empty when nobody says."""
    if value := os.environ.get(variable):
        return value
    path = Path(os.environ.get(SECRETS_DIR) or "/nowhere") / variable.lower()
    return path.read_text().strip() if path.is_file() else ""


class WebSettings(BaseSettings):
    """What every process with a port is told. Built once in its `app.py` and handed down; never a global."""

    # A setting that is refused is not quoted: the error would show every key and password beside it.
    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      hide_input_in_errors=True)

    service_name: str
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    # A listening socket that replicas share, handed down as this file descriptor. -1: one of its own (host and port).
    http_fd: int = Field(default=-1, ge=-1)
    # PEM files: both ports are served over TLS. Empty: in plain text, as behind a proxy that ends TLS.
    http_tls_cert: str = ""
    http_tls_key: str = ""
    data_dir: Path = Path(".data")
    log_level: str = "INFO"
    otlp_endpoint: str = ""  # empty: spans are made (trace ids exist everywhere) but not exported
    startup_wait_s: float = Field(default=10.0, ge=0)  # the lifespan waits this long before serving unready
    # The operators' port: metrics and health in detail. 0: none (a service without a REST API has them on http_port).
    operations_port: int = Field(default=0, ge=0, le=65535)
    operations_host: str = ""  # empty: http_host
    # After SIGTERM it serves on for so long, closing connections: set it where a balancer must learn of the end.
    drain_s: float = Field(default=0.0, ge=0)
    shutdown_grace_s: int = Field(default=20, ge=1)  # k8s terminationGracePeriodSeconds must exceed drain_s + this

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = os.environ.get(SECRETS_DIR)
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder else ()
        return init_settings, env_settings, *files

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.http_tls_cert) != bool(self.http_tls_key):
            raise ValueError("BRIGHTRUN_HTTP_TLS_CERT and BRIGHTRUN_HTTP_TLS_KEY go together: set both, or neither")
        return self


class ServiceSettings(WebSettings):
    """Beside them the servers that a service uses.

    Services subclass it: `class Settings(ServiceSettings): service_name: str = "notifier"`.
    Values that carry a password (`database_url`, `redis_url`) are kept out of `repr`.
    """

    # postgresql+asyncpg://role:password@host:port/database, and ?sslmode=verify-full&sslrootcert=PATH for TLS;
    # password_from=PATH names a file with the address anew, read at each connection
    database_url: str = Field(default="", repr=False)
    # The same database by the role `<role>_tenant`, which sees one workspace at a time: requests use it. Empty: there
    # is no second wall behind the workspace filter of each statement.
    database_tenant_url: str = Field(default="", repr=False)
    nats_url: str = "nats://127.0.0.1:4222"  # tls://host:port: never in plain text
    nats_creds_file: str = ""  # path of a .creds file, read at every connection; empty: no authentication
    # Another service's answer is waited for so long; then the request fails with 503.
    request_timeout_s: float = Field(default=2.0, gt=0)
    # PEM files: the authority that signed the server's certificate (empty: those this machine believes), and a
    # certificate of our own where the server asks for one.
    nats_tls_ca: str = ""
    nats_tls_cert: str = ""
    nats_tls_key: str = ""
    redis_url: str = Field(default="", repr=False)  # rediss://...?ssl_ca_certs=PATH for TLS
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""  # the address pods and browsers reach; presigned URLs carry it. Empty: s3_endpoint
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    s3_tls_ca: str = ""  # PEM file, believed beside the authorities of this machine
    # Refuses to start with an address that is not verified TLS: database, NATS, Redis and S3.
    tls_required: bool = False
    # How often figures that a query must count (jobs by status, spend) are read for /metrics.
    figures_interval_s: float = Field(default=15.0, gt=0)
    workers: int = Field(default=1, ge=1)
    # Connections of one process, for transactions and again for reads: pool_size kept open, pool_overflow more under
    # load; at most pool_size for the hottest reads (Database.rows); one or two for LISTEN beside them.
    database_pool_size: int = Field(default=10, ge=1)
    database_pool_overflow: int = Field(default=10, ge=0)
    # No statement is waited for longer: a database that fell silent (dropped packets, a machine that hangs) is noticed.
    # The server ends its own part of it a little before.
    database_command_timeout_s: float = Field(default=30.0, ge=1)
    # Published events stay so long to refill a lost stream, ids of taken ones so long to know a repetition: longer than
    # outboxes and streams (14 days) can repeat it.
    outbox_retention_days: int = Field(default=7, ge=1, le=90)
    inbox_retention_days: int = Field(default=30, ge=15)

    @model_validator(mode="before")
    @classmethod
    def _passwords_are_read_again(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A database's address that stands in a file: new connections show the password that stands there then."""
        for name in ("database_url", "database_tenant_url"):
            path = Path(os.environ.get(SECRETS_DIR) or "/nowhere") / f"brightrun_{name}"
            if path.is_file() and values.get(name) == path.read_text().strip():
                values = values | {name: with_password_from(values[name], path)}
        return values

    @model_validator(mode="after")
    def _repetitions_are_known(self) -> Self:
        if self.inbox_retention_days <= self.outbox_retention_days:
            raise ValueError("BRIGHTRUN_INBOX_RETENTION_DAYS must be greater than BRIGHTRUN_OUTBOX_RETENTION_DAYS: "
                             "what an outbox repeats must still be known")
        return self

    @model_validator(mode="after")
    def _plain_text_is_refused(self) -> Self:
        if self.tls_required and (refused := list(self._plain_text())):
            raise ValueError(f"BRIGHTRUN_TLS_REQUIRED is set, but {'; '.join(refused)}")
        return self

    def _plain_text(self) -> Iterator[str]:
        """What is wrong with the addresses, without what they hold: some carry passwords."""
        yield from unverified_databases({"DATABASE_URL": self.database_url,
                                         "DATABASE_TENANT_URL": self.database_tenant_url})
        if not self.nats_url.startswith("tls://"):
            yield "BRIGHTRUN_NATS_URL does not begin with tls://"
        if self.redis_url and (not self.redis_url.startswith("rediss://") or "ssl_cert_reqs" in self.redis_url):
            yield "BRIGHTRUN_REDIS_URL does not begin with rediss://, or does without verification (ssl_cert_reqs)"
        yield from self._plain_storage()

    def _plain_storage(self) -> Iterator[str]:
        for name, url in (("S3_ENDPOINT", self.s3_endpoint), ("S3_PUBLIC_ENDPOINT", self.s3_public_endpoint)):
            if url and not url.startswith("https://"):
                yield f"BRIGHTRUN_{name} does not begin with https://"


class StorageSettings(ServiceSettings):
    """Of a job that speaks with the object storage and nobody else."""

    def _plain_text(self) -> Iterator[str]:
        return self._plain_storage()


def unverified_databases(urls: Mapping[str, str]) -> Iterator[str]:
    """`urls` by their variable's name after BRIGHTRUN_."""
    for name, url in urls.items():
        if url and "sslmode=verify-full" not in url.partition("?")[2].split("&"):
            yield f"BRIGHTRUN_{name} lacks sslmode=verify-full"


def tls_is_required() -> bool:
    """For jobs that have no settings of their own."""
    return TypeAdapter(bool).validate_python(os.environ.get("BRIGHTRUN_TLS_REQUIRED") or False)

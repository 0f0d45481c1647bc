"""What backups are told from outside (`BRIGHTRUN_BACKUP_*`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings, unverified_databases

PREFIX = "BRIGHTRUN_BACKUP_"


class BackupSettings(ServiceSettings):
    """`s3_*` and `http_*` are those of every service: the buckets to back up, and where `watch` tells metrics."""

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      hide_input_in_errors=True)

    service_name: str = "backup"
    # A folder, or s3://bucket/prefix at an endpoint of its own. Not below the state that it is to bring back.
    backup_to: str = ""
    backup_s3_endpoint: str = ""
    backup_s3_access_key: str = ""
    backup_s3_secret_key: SecretStr = SecretStr("")
    backup_s3_region: str = "us-east-1"
    # Whom backups are encrypted for: public keys of age, separated by spaces. Only `restore` needs the secret one.
    backup_recipients: str = ""
    backup_identity_file: Path | None = None
    # The newest backup of each of so many days and of each of so many weeks is kept, and always the newest one.
    backup_keep_days: int = Field(default=7, ge=0)
    backup_keep_weeks: int = Field(default=4, ge=0)
    # `watch`: how often changes are shipped (this much may be lost), and how often a base backup is made.
    backup_every_s: float = Field(default=10.0, gt=0)
    backup_base_every_h: float = Field(default=24.0, gt=0)
    # Servers that are not those of `make up`: the superuser's URL (?sslmode=verify-full&sslrootcert=PATH for TLS), and
    # folders of secrets, separated by colons.
    backup_database_url: str = Field(default="", repr=False)
    backup_files: str = ""

    def _plain_text(self) -> Iterator[str]:
        """It speaks with the cluster and with two storages."""
        yield from unverified_databases({"BACKUP_DATABASE_URL": self.backup_database_url})
        yield from self._plain_storage()
        if self.backup_s3_endpoint and not self.backup_s3_endpoint.startswith("https://"):
            yield "BRIGHTRUN_BACKUP_S3_ENDPOINT does not begin with https://"

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self.backup_recipients.split())

    @property
    def work_dir(self) -> Path:
        """What a backup needs for itself: WAL that is not shipped yet, files on their way."""
        return self.data_dir.resolve() / "backup"

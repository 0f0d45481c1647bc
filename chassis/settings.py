"""What every service is told from outside, read from `BRIGHTRUN_*` variables by its composition root."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Built once in a service's `app.py` and handed down; never a global.

    Services subclass it: `class Settings(ServiceSettings): service_name: str = "notifier"`.
    Values that carry a password (`database_url`, `redis_url`) are kept out of `repr`.
    """

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True)

    service_name: str
    database_url: str = Field(default="", repr=False)  # postgresql+asyncpg://role:password@host:port/database
    nats_url: str = "nats://127.0.0.1:4222"
    nats_creds_file: str = ""  # path of a .creds file; empty: no authentication
    redis_url: str = Field(default="", repr=False)
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""  # the address pods and browsers reach; presigned URLs carry it. Empty: s3_endpoint
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    data_dir: Path = Path(".data")
    log_level: str = "INFO"
    otlp_endpoint: str = ""  # empty: spans are made (trace ids exist everywhere) but not exported
    workers: int = Field(default=1, ge=1)
    startup_wait_s: float = Field(default=10.0, ge=0)  # the lifespan waits this long before serving unready
    shutdown_grace_s: int = Field(default=20, ge=1)  # k8s terminationGracePeriodSeconds must exceed it


class JwtSettings(BaseSettings):
    """Which bearer tokens are accepted (`BRIGHTRUN_JWT_*`). Nothing set: only API keys work.

    Either `jwks_url` (any OpenID Connect issuer) or `secret` (HS256, as Supabase signs) or both.
    `roles_claim` and `workspace_claim` are dotted paths into the token; `user_metadata` is refused there because
    Supabase lets users write it themselves. `role_names` maps an issuer's names to ours.
    """

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_JWT_", env_ignore_empty=True, extra="ignore", frozen=True)

    issuer: str = ""
    audience: str = "authenticated"
    jwks_url: str = ""
    secret: SecretStr = SecretStr("")
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    roles_claim: str = "app_metadata.roles"
    workspace_claim: str = "app_metadata.workspace_id"
    role_names: dict[str, str] = Field(default_factory=dict)
    leeway_s: int = 10
    jwks_max_age_s: int = 600

    @property
    def enabled(self) -> bool:
        return bool(self.jwks_url or self.secret.get_secret_value())

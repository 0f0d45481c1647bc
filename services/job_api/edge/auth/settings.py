"""Which bearer tokens are accepted."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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

"""Which OpenID Connect issuer people sign in with, and whom it makes a member."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import secret
from services.job_api.edge.auth.principal import Role
from services.job_api.signin.domain import is_loopback


class OidcSettings(BaseSettings):
    """`BRIGHTRUN_OIDC_*`. Without an issuer there is no sign-in.

    `provisioning` says who becomes a member at the first sign-in: `members`, nobody (admins name members beforehand);
    `domain`, who has an address of `allowed_domains`, in `default_workspace` with `default_roles`; `claims`, who has
    `workspace_claim` and `roles_claim` in the ID token, which then decide at every sign-in.
    """

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_OIDC_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      hide_input_in_errors=True)

    issuer: str = ""
    client_id: str = ""
    # A public client has none; PKCE protects it either way.
    client_secret: SecretStr = SecretStr("")
    client_secret_file: Path | None = None
    scopes: str = "openid email profile"
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    # Where this API is called back; empty: BRIGHTRUN_PUBLIC_URL and the route's path.
    callback_url: str = ""
    # Where else than to a program on the user's own machine a sign-in may lead, in JSON form:
    # ["https://app.example.com/signed-in"]. Compared whole.
    redirect_uris: tuple[str, ...] = ()
    provisioning: Literal["members", "domain", "claims"] = "members"
    # Addresses of other domains are refused; empty: any domain.
    allowed_domains: tuple[str, ...] = ()
    default_workspace: UUID | None = None
    default_roles: tuple[Role, ...] = (Role.ANALYST,)
    workspace_claim: str = ""
    roles_claim: str = ""
    role_names: dict[str, str] = Field(default_factory=dict)
    # For issuers that verify every address and do not say so (email_verified).
    trust_unverified_email: bool = False
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)
    leeway_s: int = Field(default=30, ge=0, le=300)

    @property
    def enabled(self) -> bool:
        return bool(self.issuer)

    def secret(self) -> str:
        if self.client_secret_file is not None:
            return self.client_secret_file.read_text().strip()
        return self.client_secret.get_secret_value() or secret("BRIGHTRUN_OIDC_CLIENT_SECRET")

    @field_validator("issuer")
    @classmethod
    def _is_private(cls, issuer: str) -> str:
        if issuer and urlsplit(issuer).scheme != "https" and not is_loopback(issuer):
            raise ValueError("BRIGHTRUN_OIDC_ISSUER must be https: its answers decide who is let in")
        return issuer

    @field_validator("algorithms")
    @classmethod
    def _are_asymmetric(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(name.upper().startswith("HS") or name.lower() == "none" for name in names):
            raise ValueError("BRIGHTRUN_OIDC_ALGORITHMS lists public-key algorithms only")
        return names

    @model_validator(mode="after")
    def _is_whole(self) -> "OidcSettings":
        if self.issuer and not self.client_id:
            raise ValueError("BRIGHTRUN_OIDC_CLIENT_ID is not set")
        if self.provisioning == "domain" and not (self.allowed_domains and self.default_workspace):
            raise ValueError("provisioning by domain needs BRIGHTRUN_OIDC_ALLOWED_DOMAINS and _DEFAULT_WORKSPACE")
        if self.provisioning == "claims" and not (self.workspace_claim and self.roles_claim):
            raise ValueError("provisioning by claims needs BRIGHTRUN_OIDC_WORKSPACE_CLAIM and _ROLES_CLAIM")
        if any(claim.startswith("user_metadata") for claim in (self.workspace_claim, self.roles_claim)):
            raise ValueError("users can write user_metadata themselves; use a claim that only the issuer writes")
        return self

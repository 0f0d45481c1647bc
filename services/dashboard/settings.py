"""What the dashboard is told from outside."""

import secrets
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import WebSettings

_URL = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"


class Settings(WebSettings):
    """`BRIGHTRUN_*`. It has no database: who is signed in stands in the browser's cookie, sealed with `session_key`."""

    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True,
                                      populate_by_name=True, hide_input_in_errors=True)

    service_name: str = "dashboard"
    http_port: int = Field(default=8780, ge=0, le=65535)
    # The REST API, as this process reaches it.
    api_url: str = Field(default="http://127.0.0.1:8700", pattern=_URL)
    # As browsers reach it: where a sign-in at the identity provider begins. Empty: api_url.
    api_public_url: str = Field(default="", pattern=rf"^$|{_URL}",
                                validation_alias=AliasChoices("BRIGHTRUN_PUBLIC_URL", "api_public_url"))
    # Each answer of the API is waited for so long; then its card says so.
    api_timeout_s: float = Field(default=10.0, gt=0)
    # How people reach this page. Sign-ins come back to it (add <it>/sign-in/done to BRIGHTRUN_OIDC_REDIRECT_URIS), and
    # where it begins with https cookies go over TLS alone. Empty: the address that each request was sent to.
    public_url: str = Field(default="", pattern=rf"^$|{_URL}",
                            validation_alias=AliasChoices("BRIGHTRUN_DASHBOARD_URL", "public_url"))
    # Any text of 32 characters or more, the same for all replicas. Empty: made at the start, so that a restart signs
    # everybody out.
    session_key: SecretStr = SecretStr("")
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)
    # Of the jobs page: how often the jobs that it shows are looked at.
    live_interval_s: float = Field(default=2.0, ge=0.2)
    # Of the page of operations: how often it refreshes itself while it is looked at.
    operations_interval_s: float = Field(default=5.0, ge=0.2)
    # Linked from the page of operations.
    grafana_url: str = Field(default="", pattern=rf"^$|{_URL}")
    # What the first run offers to those who have no file of their own.
    sample_file: Path = Path(__file__).parents[2] / "examples" / "sample.json"
    # What `npm ci` fetched; see package.json.
    packages_dir: Path = Path(__file__).with_name("node_modules")

    @property
    def api_address(self) -> str:
        return (self.api_public_url or self.api_url).rstrip("/")

    def sealing_key(self) -> bytes:
        """Raises ValueError for one that can be guessed."""
        given = self.session_key.get_secret_value()
        if given and len(given) < 32:
            raise ValueError("BRIGHTRUN_SESSION_KEY is shorter than 32 characters")
        return (given or secrets.token_hex(32)).encode()

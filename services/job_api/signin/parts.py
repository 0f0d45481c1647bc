"""What the routes of a sign-in are given."""

from dataclasses import dataclass

from services.job_api.accounts.api_key_cache import ApiKeyCache
from services.job_api.signin.issuer import OidcIssuer


@dataclass(frozen=True)
class SignIn:
    """`issuer` None: the installation has none. `sessions`: those that were just looked up."""

    issuer: OidcIssuer | None
    callback_url: str
    session_hours: float
    sessions: ApiKeyCache

"""Who is calling: API keys and JSON Web Tokens become one `Principal`, always of exactly one workspace."""

from chassis.auth.api_keys import ApiKeyLookup, ApiKeyRecord, NewApiKey, new_api_key
from chassis.auth.authenticator import Authenticator, install, require
from chassis.auth.principal import Principal, Role
from chassis.auth.tokens import TokenVerifier

__all__ = [
    "ApiKeyLookup",
    "ApiKeyRecord",
    "Authenticator",
    "NewApiKey",
    "Principal",
    "Role",
    "TokenVerifier",
    "install",
    "new_api_key",
    "require",
]

"""Who is calling: API keys and JSON Web Tokens become one `Principal`, always of exactly one workspace."""

from services.job_api.edge.auth.access import (
    READERS,
    Admin,
    AnyMember,
    BudgetHolder,
    Downloader,
    Engineer,
    Reader,
    caller,
)
from services.job_api.edge.auth.api_keys import ApiKeyLookup, ApiKeyRecord, NewApiKey, new_api_key
from services.job_api.edge.auth.authenticator import Authenticator, install, require
from services.job_api.edge.auth.principal import Principal, Role
from services.job_api.edge.auth.tokens import TokenVerifier

__all__ = [
    "READERS",
    "Admin",
    "AnyMember",
    "ApiKeyLookup",
    "ApiKeyRecord",
    "Authenticator",
    "BudgetHolder",
    "Downloader",
    "Engineer",
    "NewApiKey",
    "Principal",
    "Reader",
    "Role",
    "TokenVerifier",
    "caller",
    "install",
    "new_api_key",
    "require",
]

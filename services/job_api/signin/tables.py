"""Who is who at the issuer, sign-ins under way, and sessions. Secrets are kept as hashes; what must be sent again (the
verifier for the issuer) lives for minutes."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from services.job_api.columns import identifier, metadata, moment, workspace


def _user() -> Column[object]:
    return Column("user_id", UUID(as_uuid=True), ForeignKey("users.id"), nullable=False)


identities = Table(
    "identities", metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _user(),
    moment("created_at", now=True),
    moment("last_sign_in_at", now=True),
    PrimaryKeyConstraint("issuer", "subject"),
    Index("identities_by_user", "user_id"),
)

sign_ins = Table(
    "sign_ins", metadata,
    Column("state_sha256", LargeBinary, primary_key=True),
    Column("browser_sha256", LargeBinary, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("client_state", Text, nullable=False),
    Column("wanted_workspace_id", UUID(as_uuid=True)),
    # The invitation that is accepted by it.
    Column("invitation_sha256", LargeBinary),
    Column("expires_at", moment("expires_at").type, nullable=False),
)

sign_in_grants = Table(
    "sign_in_grants", metadata,
    Column("code_sha256", LargeBinary, primary_key=True),
    Column("challenge", Text, nullable=False),
    workspace(),
    _user(),
    Column("expires_at", moment("expires_at").type, nullable=False),
)

sessions = Table(
    "sessions", metadata,
    identifier(),
    workspace(),
    _user(),
    Column("prefix", Text, nullable=False, unique=True),
    Column("sha256", LargeBinary, nullable=False),
    moment("created_at", now=True),
    Column("expires_at", moment("expires_at").type, nullable=False),
    moment("revoked_at"),
    moment("last_used_at"),
    Index("sessions_by_user", "workspace_id", "user_id"),
)

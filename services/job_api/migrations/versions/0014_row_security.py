"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_policies import WORKSPACE, protect, seen_through

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


_OF_A_WORKSPACE = (
    "memberships", "api_keys", "webhook_secrets", "training_files", "training_jobs", "job_events", "start_intents",
    "reservation_intents", "model_artifacts", "artifact_files", "artifact_downloads", "idempotency_keys",
    "audit_entries", "sessions", "sign_in_grants",
)
# An address belongs to one user of the whole installation: who lets somebody in need not see where else they are.
_USER_OF_ADDRESS = """
CREATE FUNCTION user_of_address(new_id uuid, address text, called text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    INSERT INTO users (id, email, display_name) VALUES (new_id, address, called) ON CONFLICT DO NOTHING;
    SELECT id FROM users WHERE email = address;
END
"""


def upgrade() -> None:
    for table in _OF_A_WORKSPACE:
        protect(op, table)
    protect(op, "workspaces", f"id = {WORKSPACE}")
    # Who has left the workspace is still the owner of revoked keys.
    member, owner = (seen_through("users", "id", table, "user_id") for table in ("memberships", "api_keys"))
    protect(op, "users", f"{member} OR {owner}")
    protect(op, "identities", seen_through("identities", "user_id", "memberships", "user_id"))
    op.execute(_USER_OF_ADDRESS)
    protect(op, "job_snapshots", seen_through("job_snapshots", "job_id", "training_jobs", "id"))

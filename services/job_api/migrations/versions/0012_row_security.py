"""Row-level security: a statement without its workspace finds nothing."""

from alembic import op

from chassis.database.row_security import WORKSPACE, protect, seen_through

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


_OF_A_WORKSPACE = (
    "memberships", "api_keys", "webhook_secrets", "training_files", "training_jobs", "job_events", "start_intents",
    "reservation_intents",
    "model_artifacts", "artifact_files", "artifact_downloads", "idempotency_keys",
)


def upgrade() -> None:
    for table in _OF_A_WORKSPACE:
        protect(op, table)
    protect(op, "workspaces", f"id = {WORKSPACE}")
    protect(op, "users", seen_through("users", "id", "memberships", "user_id"))
    protect(op, "job_snapshots", seen_through("job_snapshots", "job_id", "training_jobs", "id"))

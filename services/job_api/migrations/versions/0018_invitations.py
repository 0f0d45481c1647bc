"""Invitations into a workspace by a link; the jobs of a workspace by when they ended."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE invitations (
            id UUID PRIMARY KEY,
            workspace_id UUID NOT NULL REFERENCES workspaces (id),
            sha256 BYTEA NOT NULL UNIQUE,
            roles TEXT[] DEFAULT '{}' NOT NULL,
            email TEXT,
            invited_by TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
            accepted_at TIMESTAMP WITH TIME ZONE,
            accepted_by UUID REFERENCES users (id),
            revoked_at TIMESTAMP WITH TIME ZONE
        )
    """)
    op.execute("CREATE INDEX invitations_by_workspace ON invitations (workspace_id, created_at)")
    protect(op, "invitations")
    op.execute(
        "CREATE INDEX training_jobs_ended ON training_jobs (workspace_id, completed_at) WHERE completed_at IS NOT NULL")
    op.execute("ALTER TABLE sign_ins ADD COLUMN invitation_sha256 BYTEA")

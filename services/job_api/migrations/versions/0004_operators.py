"""Whoever runs the installation is marked, instead of being whoever came first.

The workspace that bootstrap made before is recognised by having been made in the same transaction as an API key: only
bootstrap does that. A tenant's workspace appears with its first token, alone, and its keys come later; nobody can make
such a row through the API.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE workspaces ADD COLUMN is_operator BOOLEAN DEFAULT false NOT NULL")
    op.execute("""
        UPDATE workspaces SET is_operator = true FROM api_keys
        WHERE api_keys.workspace_id = workspaces.id AND api_keys.name = 'bootstrap'
          AND api_keys.created_by = api_keys.user_id::text AND api_keys.created_at = workspaces.created_at
    """)

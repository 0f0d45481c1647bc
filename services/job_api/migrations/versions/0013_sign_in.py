"""Sign-in with an OpenID Connect issuer: identities, sign-ins under way, sessions."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE identities (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            user_id UUID NOT NULL REFERENCES users (id),
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            last_sign_in_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            PRIMARY KEY (issuer, subject)
        )
    """)
    op.execute("CREATE INDEX identities_by_user ON identities (user_id)")
    op.execute("""
        CREATE TABLE sign_ins (
            state_sha256 BYTEA PRIMARY KEY,
            browser_sha256 BYTEA NOT NULL,
            nonce TEXT NOT NULL,
            verifier TEXT NOT NULL,
            redirect_uri TEXT NOT NULL,
            challenge TEXT NOT NULL,
            client_state TEXT NOT NULL,
            wanted_workspace_id UUID,
            expires_at TIMESTAMP WITH TIME ZONE NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE sign_in_grants (
            code_sha256 BYTEA PRIMARY KEY,
            challenge TEXT NOT NULL,
            workspace_id UUID NOT NULL REFERENCES workspaces (id),
            user_id UUID NOT NULL REFERENCES users (id),
            expires_at TIMESTAMP WITH TIME ZONE NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE sessions (
            id UUID PRIMARY KEY,
            workspace_id UUID NOT NULL REFERENCES workspaces (id),
            user_id UUID NOT NULL REFERENCES users (id),
            prefix TEXT NOT NULL UNIQUE,
            sha256 BYTEA NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
            revoked_at TIMESTAMP WITH TIME ZONE,
            last_used_at TIMESTAMP WITH TIME ZONE
        )
    """)
    op.execute("CREATE INDEX sessions_by_user ON sessions (workspace_id, user_id)")

"""The audit log: written once, never changed, never deleted.

The trigger binds everybody, the owner of the table and superusers included; the missing rights say so earlier.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE audit_entries (
            id UUID PRIMARY KEY,
            at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            workspace_id UUID,
            actor_kind TEXT NOT NULL,
            actor TEXT DEFAULT '' NOT NULL,
            credential TEXT DEFAULT '' NOT NULL,
            operation TEXT NOT NULL,
            target_kind TEXT DEFAULT '' NOT NULL,
            target_id TEXT DEFAULT '' NOT NULL,
            status SMALLINT NOT NULL,
            code TEXT DEFAULT '' NOT NULL,
            address TEXT DEFAULT '' NOT NULL,
            user_agent TEXT DEFAULT '' NOT NULL,
            trace_id TEXT
        )
    """)
    op.execute("CREATE INDEX audit_entries_by_workspace ON audit_entries (workspace_id, id)")
    op.execute("""
        CREATE FUNCTION refuse_to_change_the_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER audit_entries_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit_log()
    """)
    op.execute("ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_are_append_only")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM PUBLIC, CURRENT_USER")

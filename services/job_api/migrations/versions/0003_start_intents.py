"""Every try to start a job has a name, under which its money is reserved and released.

`reservation_intents` stays for the release before, whose replicas may run beside this one; what it holds now is taken
over, and released without a name.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE start_intents (
            id UUID NOT NULL,
            job_id UUID NOT NULL,
            workspace_id UUID NOT NULL,
            reservation_id UUID,
            asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            releasing_at TIMESTAMP WITH TIME ZONE,
            PRIMARY KEY (id),
            UNIQUE (reservation_id)
        )
    """)
    op.execute("CREATE UNIQUE INDEX start_intents_open ON start_intents (job_id) WHERE releasing_at IS NULL")
    op.execute("CREATE INDEX start_intents_by_time ON start_intents (asked_at)")
    op.execute("""
        INSERT INTO start_intents (id, job_id, workspace_id, asked_at)
        SELECT gen_random_uuid(), job_id, workspace_id, asked_at FROM reservation_intents
    """)

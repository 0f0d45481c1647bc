"""Configurations that are kept under a name, and which job was made from which."""

from alembic import op

from chassis.database.row_policies import protect

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE configuration_templates (
            id UUID PRIMARY KEY,
            workspace_id UUID NOT NULL REFERENCES workspaces (id),
            name TEXT NOT NULL,
            description TEXT DEFAULT '' NOT NULL,
            shared BOOLEAN DEFAULT false NOT NULL,
            notes TEXT DEFAULT '' NOT NULL,
            tags TEXT[] DEFAULT '{}' NOT NULL,
            client TEXT DEFAULT '' NOT NULL,
            project TEXT DEFAULT '' NOT NULL,
            training_file_id UUID REFERENCES training_files (id) ON DELETE SET NULL,
            preset TEXT NOT NULL,
            hyperparameters JSONB DEFAULT '{}' NOT NULL,
            gpu_type TEXT,
            gpu_pricing_tier TEXT NOT NULL,
            max_duration_s INTEGER NOT NULL,
            source_job_id UUID REFERENCES training_jobs (id) ON DELETE SET NULL,
            created_by TEXT NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL
        )
    """)
    op.execute("CREATE INDEX configuration_templates_by_workspace ON configuration_templates (workspace_id, id)")
    op.execute("CREATE INDEX configuration_templates_by_file ON configuration_templates (training_file_id)")
    op.execute("CREATE INDEX configuration_templates_by_job ON configuration_templates (source_job_id)")
    protect(op, "configuration_templates")
    op.execute("ALTER TABLE training_jobs ADD COLUMN template_id UUID")
    op.execute("""
        CREATE INDEX training_jobs_by_template ON training_jobs (workspace_id, template_id)
        WHERE template_id IS NOT NULL
    """)

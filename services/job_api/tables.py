"""Every table of job_api in one catalogue. Money is integer micro-dollars, times are timezone-aware.

The columns of `training_jobs`, `model_artifacts` and the file tables keep the names of the product text; where the
text has dollars the column says `_micro_usd`, and the API shows both.
"""

from chassis.messaging.tables import add_messaging_tables
from services.job_api.accounts.tables import api_keys, memberships, users, workspaces
from services.job_api.artifacts.tables import artifact_downloads, artifact_files, model_artifacts
from services.job_api.audit.tables import audit_entries
from services.job_api.columns import metadata
from services.job_api.edge.idempotency import idempotency_table
from services.job_api.files.tables import training_files
from services.job_api.invitations.tables import invitations
from services.job_api.jobs.tables import job_events, job_notes, job_snapshots, start_intents, training_jobs
from services.job_api.signin.tables import identities, sessions, sign_in_grants, sign_ins
from services.job_api.templates.tables import configuration_templates
from services.job_api.webhook.tables import webhook_secrets

add_messaging_tables(metadata)
idempotency_keys = idempotency_table(metadata)

__all__ = [
    "api_keys", "artifact_downloads", "artifact_files", "audit_entries", "configuration_templates",
    "idempotency_keys", "identities", "invitations", "job_events", "job_notes", "job_snapshots", "memberships",
    "metadata", "model_artifacts", "sessions", "sign_in_grants", "sign_ins", "start_intents", "training_files",
    "training_jobs", "users", "webhook_secrets", "workspaces",
]

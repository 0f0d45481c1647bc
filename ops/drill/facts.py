"""What must be the same before and after: rows of what has ended, and the objects that they name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ops.backup.postgres import Postgres

_ENDED = "SELECT id FROM training_jobs WHERE status IN ('completed', 'failed', 'cancelled')"
# Name -> database and rows, each as JSON, of the jobs that had ended ($1).
ROWS = {
    "jobs": ("job_api", "SELECT to_jsonb(t) AS row FROM training_jobs t WHERE id = ANY($1)"),
    "job events": ("job_api", "SELECT to_jsonb(t) AS row FROM job_events t WHERE job_id = ANY($1)"),
    "adapters": ("job_api", "SELECT to_jsonb(t) AS row FROM model_artifacts t WHERE training_job_id = ANY($1)"),
    "adapter files": ("job_api", "SELECT to_jsonb(t) AS row FROM artifact_files t WHERE training_job_id = ANY($1)"),
    "bills": ("cost_guard", "SELECT to_jsonb(t) AS row FROM billing_intervals t WHERE job_id = ANY($1)"),
    "costs": ("cost_guard", "SELECT jsonb_build_array(job_id, settled_at, settled_micro_usd) AS row FROM jobs "
                            "WHERE job_id = ANY($1)"),
    "verdicts": ("validator", "SELECT to_jsonb(t) AS row FROM evaluations t WHERE job_id = ANY($1)"),
}
# Of everybody, not of single jobs.
LASTING = {
    "workspaces": ("job_api", "SELECT to_jsonb(t) AS row FROM workspaces t"),
    "API keys": ("job_api", "SELECT jsonb_build_array(id, prefix, sha256, revoked_at) AS row FROM api_keys t"),
    "training files": ("job_api", "SELECT to_jsonb(t) AS row FROM training_files t"),
    "budgets": ("cost_guard", "SELECT to_jsonb(t) AS row FROM budgets t"),
}
AUDIT = "audit log"


@dataclass(frozen=True)
class Facts:
    """`rows`: by name, each as text. `objects`: bucket/key -> SHA-256."""

    rows: dict[str, frozenset[str]]
    objects: dict[str, str]

    def missing_from(self, later: Facts) -> dict[str, int]:
        """Name -> how many rows or objects of these are not there any more, or are others. Empty: all is equal."""
        found = {name: len(rows - later.rows.get(name, frozenset())) for name, rows in self.rows.items()}
        found["objects"] = sum(later.objects.get(key) != sha256 for key, sha256 in self.objects.items())
        return {name: count for name, count in found.items() if count}


def collect(postgres: Postgres, buckets: Path) -> Facts:
    """Of the installation as it is: its buckets are folders."""
    ended = [row["id"] for row in postgres.query(_ENDED, database="job_api")]
    rows = {name: _rows(postgres, database, sql, ended) for name, (database, sql) in ROWS.items()}
    rows |= {name: _rows(postgres, database, sql) for name, (database, sql) in LASTING.items()}
    if table := _audit_table(postgres):
        rows[AUDIT] = _rows(postgres, "job_api", f"SELECT to_jsonb(t) AS row FROM {table} t")  # noqa: S608  a catalogue's name
    objects = {str(path.relative_to(buckets)): hashlib.sha256(path.read_bytes()).hexdigest()
               for path in buckets.rglob("*") if path.is_file() and _names_ended(path, ended)}
    return Facts(rows, objects)


def _rows(postgres: Postgres, database: str, sql: str, *arguments: object) -> frozenset[str]:
    return frozenset(json.dumps(json.loads(row["row"]), sort_keys=True)
                     for row in postgres.query(sql, *arguments, database=database))


def _audit_table(postgres: Postgres) -> str:
    found = postgres.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' "
                           "AND table_name LIKE 'audit%'", database="job_api")
    return str(found[0]["table_name"]) if found else ""


def _names_ended(path: Path, ended: list[object]) -> bool:
    """Uploads, and adapters of jobs that have ended; checkpoints come and go."""
    return "training-files" in path.parts or (
        "model-artifacts" in path.parts and any(str(job) in path.parts for job in ended))

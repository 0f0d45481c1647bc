"""What a query needs to know of a job before it looks at points."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

_VIEW = """
SELECT job_no, version,
    (SELECT json_object_agg(attempt, resumed_from_step)::text FROM attempts a WHERE a.job_no = j.job_no) AS attempts,
    (SELECT json_object_agg(name, metric)::text FROM job_metrics m JOIN metric_names USING (metric)
        WHERE m.job_no = j.job_no) AS metrics
FROM jobs j WHERE job_id = $1 AND workspace_id = $2 AND deleted_at IS NULL"""


@dataclass(frozen=True, slots=True)
class JobView:
    """`resumed` is attempt -> step it resumed from; `metrics` is name -> number."""

    job_id: UUID
    job_no: int
    version: int
    resumed: dict[int, int]
    metrics: dict[str, int]


async def find_job(connection: Any, job_id: UUID, workspace_id: UUID) -> JobView | None:
    """None when there is no such job in this workspace, or it was deleted."""
    row = await connection.fetchrow(_VIEW, job_id, workspace_id)
    if row is None:
        return None
    attempts, metrics = json.loads(row["attempts"] or "{}"), json.loads(row["metrics"] or "{}")
    resumed = {int(attempt): step for attempt, step in sorted(attempts.items(), key=lambda item: int(item[0]))}
    return JobView(job_id, row["job_no"], row["version"], resumed, metrics)

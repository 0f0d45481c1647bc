"""Which reports are taken: what one job can fill is bounded, so that it cannot crowd out the others."""

from collections.abc import Container, Mapping, Sequence
from uuid import UUID

from services.metrics_ingest.domain.jobs import JobRow
from services.metrics_ingest.domain.reports import Report

# The trainer reports twelve; a person who adds two for each of 80 layers stays below.
MOST_METRICS_PER_JOB = 200


def refusals(reports: Sequence[Report], jobs: Mapping[UUID, JobRow], points_per_job: int) -> dict[int, str]:
    """Position -> why the report is not taken. Reports of one batch count together; a deleted job's are not judged."""
    refused: dict[int, str] = {}
    names = {job_id: set(job.names) for job_id, job in jobs.items()}
    for position, report in enumerate(reports):
        job, known = jobs[report.job_id], names[report.job_id]
        if job.workspace_id != report.workspace_id:
            refused[position] = f"the report says workspace {report.workspace_id}, but its job belongs to another"
        elif job.deleted:
            continue
        elif job.points >= points_per_job:
            refused[position] = f"the job has {points_per_job:,} points already, and no more are kept"
        elif len(known.union(report.names)) > MOST_METRICS_PER_JOB:
            refused[position] = f"a job has at most {MOST_METRICS_PER_JOB} metrics, and this report adds others"
        else:
            known.update(report.names)
    return refused


def nameless(
    reports: Sequence[Report], numbers: Mapping[str, int], already_judged: Container[int]
) -> dict[int, str]:
    """Position -> why: the dictionary of names is full and does not have one of the report's."""
    return {
        position: f"there are too many metric names already to add {unknown[0]!r}"
        for position, report in enumerate(reports)
        if position not in already_judged and (unknown := [name for name in report.names if name not in numbers])
    }

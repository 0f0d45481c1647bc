"""What a pod tells and asks: the broker lets it use these subjects of its own job and no others."""

from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS

TRAINER = "trainer"


def pod_subjects(job_id: object = "*") -> list[str]:
    """Subjects of one job's trainer; of all jobs without `job_id`."""
    events = [f"{spec.model.subject_prefix()}.{job_id}" for spec in EVENTS if TRAINER in spec.producers]
    return [*events, *(rpc.subject(job_id) for rpc in POD_RPCS)]


def pod_inbox(job_id: object) -> str:
    """Prefix of the subjects on which a pod gets its answers. A bare `_INBOX` would read everybody's."""
    return f"_INBOX_{job_id}"

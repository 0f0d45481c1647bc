"""What a pod tells and asks: the broker lets it use these subjects of its own job and no others."""

from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS
from contracts.streams import StreamSpec, stream_of

TRAINER = "trainer"
# Of a stream's bytes. What one job holds, others cannot: eight would have to flood before anybody loses a message.
LARGEST_SHARE_OF_A_JOB = 1 / 8


def pod_subjects(job_id: object = "*") -> list[str]:
    """Subjects of one job's trainer; of all jobs without `job_id`."""
    events = [f"{spec.model.subject_prefix()}.{job_id}" for spec in EVENTS if TRAINER in spec.producers]
    return [*events, *(rpc.subject(job_id) for rpc in POD_RPCS)]


def share_of_a_job(stream: StreamSpec, subjects: int | None = None) -> float:
    """What the pod of one job can fill of the stream at most: a fraction of its `max_bytes`, infinite without a limit.

    `subjects`: on how many subjects it publishes there; as the registry says unless given.
    """
    if subjects is None:
        subjects = sum(stream_of(subject) == stream.name for subject in pod_subjects())
    if not subjects:
        return 0.0
    if min(stream.max_msgs_per_subject, stream.max_msg_size) < 0:
        return float("inf")
    return subjects * stream.max_msgs_per_subject * stream.max_msg_size / stream.max_bytes


def pod_inbox(job_id: object) -> str:
    """Prefix of the subjects on which a pod gets its answers. A bare `_INBOX` would read everybody's."""
    return f"_INBOX_{job_id}"

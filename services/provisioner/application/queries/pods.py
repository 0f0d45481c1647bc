"""What other services ask about pods."""

from uuid import UUID

from chassis.database.engine import Database
from contracts.rpc.pods import JobPods, JobPodsQuery, LogPage, LogQuery, PodView
from services.provisioner.adapters.repository import pods
from services.provisioner.domain.errors import AttemptNotFound
from services.provisioner.domain.model import Pod
from services.provisioner.ports import ComputeProvider, ProviderError


async def job_pods(database: Database, asked: JobPodsQuery) -> JobPods:
    """Oldest attempt first; empty for a job that never had a pod, or of another workspace."""
    return JobPods(pods=tuple(_view(pod) for pod in await _pods(database, asked.job_id, asked.workspace_id)))


async def pod_log(database: Database, provider: ComputeProvider, asked: LogQuery) -> LogPage:
    """A page of the trainer's output; bytes that are no UTF-8 become replacement characters. Raises AttemptNotFound."""
    found = await _pods(database, asked.job_id, asked.workspace_id)
    if asked.attempt is None and not found:
        return LogPage(attempt=None, text="", next_offset=0, end=True)
    pod = next((pod for pod in reversed(found) if asked.attempt in (None, pod.attempt)), None)
    if pod is None:
        raise AttemptNotFound(f"There is no attempt {asked.attempt} of job {asked.job_id}.")
    return await _page(provider, pod, asked)


async def _page(provider: ComputeProvider, pod: Pod, asked: LogQuery) -> LogPage:
    try:
        text, end = await provider.read_log(pod.pod_name, asked.offset, asked.max_bytes)
    except ProviderError as error:
        return LogPage(attempt=pod.attempt, text="", next_offset=asked.offset, end=True,
                       details={"unavailable": str(error)})
    return LogPage(attempt=pod.attempt, text=text.decode(errors="replace"), next_offset=asked.offset + len(text),
                   end=end)


async def _pods(database: Database, job_id: UUID, workspace_id: UUID) -> list[Pod]:
    async with database.read() as tx:
        found = await pods.pods_of(tx, job_id)
    return [pod for pod in found if pod.workspace_id == workspace_id]


def _view(pod: Pod) -> PodView:
    return PodView(
        pod_name=pod.pod_name, attempt=pod.attempt, provider=pod.provider, provider_pod_id=pod.provider_pod_id,
        status=pod.status.value, gpu_type=pod.gpu_type.value, pricing_tier=pod.pricing_tier.value,
        requested_at=pod.requested_at, running_since=pod.running_since, terminated_at=pod.terminated_at,
        last_heartbeat_at=pod.last_heartbeat_at, exit_code=pod.exit_code, reason=pod.reason,
        gpu_model=pod.price.gpu_model, rate_micro_usd_per_hour=pod.price.rate_micro_usd_per_hour,
    )

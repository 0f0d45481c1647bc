"""What job_api asks about pods."""

from uuid import UUID

from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.problems import NotFound
from contracts.rpc import pods as rpc
from services.provisioner.domain.model import Pod
from services.provisioner.ports import ComputeProvider, ProviderError
from services.provisioner.repository import pods


class Queries:
    def __init__(self, database: Database, provider: ComputeProvider) -> None:
        self._database, self._provider = database, provider

    def register(self, bus: Bus) -> None:
        bus.serve(rpc.JOB_PODS, self.job_pods)
        bus.serve(rpc.POD_LOG, self.pod_log)

    async def job_pods(self, asked: rpc.JobPodsQuery) -> rpc.JobPods:
        """Oldest attempt first; empty for a job that never had a pod, or of another workspace."""
        return rpc.JobPods(pods=tuple(_view(pod) for pod in await self._pods(asked.job_id, asked.workspace_id)))

    async def pod_log(self, asked: rpc.LogQuery) -> rpc.LogPage:
        """A page of the trainer's output. Bytes that are no UTF-8 are shown as replacement characters."""
        found = await self._pods(asked.job_id, asked.workspace_id)
        if asked.attempt is None and not found:
            return rpc.LogPage(attempt=None, text="", next_offset=0, end=True)
        pod = next((pod for pod in reversed(found) if asked.attempt in (None, pod.attempt)), None)
        if pod is None:
            raise NotFound(f"There is no attempt {asked.attempt} of job {asked.job_id}.", code="attempt_not_found")
        try:
            text, end = await self._provider.read_log(pod.pod_name, asked.offset, asked.max_bytes)
        except ProviderError as error:
            return rpc.LogPage(attempt=pod.attempt, text="", next_offset=asked.offset, end=True,
                               details={"unavailable": str(error)})
        return rpc.LogPage(attempt=pod.attempt, text=text.decode(errors="replace"),
                           next_offset=asked.offset + len(text), end=end)

    async def _pods(self, job_id: UUID, workspace_id: UUID) -> list[Pod]:
        async with self._database.read() as tx:
            found = await pods.pods_of(tx, job_id)
        return [pod for pod in found if pod.workspace_id == workspace_id]


def _view(pod: Pod) -> rpc.PodView:
    return rpc.PodView(
        pod_name=pod.pod_name, attempt=pod.attempt, provider=pod.provider, provider_pod_id=pod.provider_pod_id,
        status=pod.status.value, gpu_type=pod.gpu_type.value, pricing_tier=pod.pricing_tier.value,
        requested_at=pod.requested_at, running_since=pod.running_since, terminated_at=pod.terminated_at,
        last_heartbeat_at=pod.last_heartbeat_at, exit_code=pod.exit_code, reason=pod.reason,
    )

"""What machines cost beyond their use, by the rule that the counter follows (`domain.leaks`)."""

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.rpc.pods import Leak, Leaks, LeaksQuery
from services.provisioner.adapters.repository import jobs, pods
from services.provisioner.domain.leaks import leaked_micro_usd, needed_until
from services.provisioner.domain.model import Job, Pod

_SHOWN = 100


async def leaks(database: Database, asked: LeaksQuery) -> Leaks:
    """Of all workspaces."""
    with every_workspace():
        async with database.read() as tx:
            ended = await pods.ended_since(tx, asked.since)
            known = await jobs.of_ids(tx, {pod.job_id for pod in ended})
    found = [leak for pod in ended if (leak := _leak(known[pod.job_id], pod)) is not None]
    return Leaks(micro_usd=sum(leak.micro_usd for leak in found), machines=len(found), leaks=tuple(found[:_SHOWN]))


def _leak(job: Job, pod: Pod) -> Leak | None:
    if pod.terminated_at is None:
        return None
    cost = leaked_micro_usd(pod.price.rate_micro_usd_per_hour, pod.running_since, pod.terminated_at,
                            needed_until(job, pod), wanted=pod.create_asked_at is not None)
    if not cost:
        return None
    return Leak(pod_name=pod.pod_name, job_id=pod.job_id, workspace_id=pod.workspace_id, provider=pod.provider,
                ended_at=pod.terminated_at, micro_usd=cost)

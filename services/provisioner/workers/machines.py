"""What the provider made becomes part of the pod's row."""

from services.provisioner.adapters.repository import jobs
from services.provisioner.application import pod_events
from services.provisioner.domain.model import PodStatus
from services.provisioner.ports import Machine, MachineState
from services.provisioner.workers.context import LeasedPod, WorkerContext


async def record_machine(context: WorkerContext, current: LeasedPod, machine: Machine) -> None:
    """Running or not yet. A machine that is not wanted any more is ended next."""
    values: dict[str, object] = {"provider_pod_id": machine.provider_pod_id, "reason": ""}
    if current.pod.status is PodStatus.TERMINATING:
        # Ended while it was being made. It has cost money since it ran.
        await current.release(provider_pod_id=machine.provider_pod_id, running_since=machine.running_since)
    elif machine.state is MachineState.STARTING:
        await current.release(min(1.0, context.policy.timeouts.poll_s), **values)
    else:
        await _record_running(context, current, machine, values)


async def _record_running(
    context: WorkerContext, current: LeasedPod, machine: Machine, values: dict[str, object]
) -> None:
    since = machine.running_since or current.now
    await pod_events.publish_running(current.tx, current.job, current.pod, machine.provider_pod_id, since)
    await jobs.mark_running(current.tx, current.job.job_id, since)
    context.metrics.time_to_running.observe((since - current.pod.requested_at).total_seconds())
    after_s = context.policy.timeouts.poll_s if machine.state is MachineState.RUNNING else 0.0
    await current.release(after_s, status=PodStatus.RUNNING, running_since=since, **values)

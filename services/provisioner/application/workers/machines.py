"""What the provider shows of a machine becomes part of the pod's row."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from services.provisioner.adapters.repository import jobs
from services.provisioner.application import pod_events
from services.provisioner.application.workers.context import LeasedPod, WorkerContext
from services.provisioner.domain.model import Pod, PodStatus
from services.provisioner.domain.presence import Absence, judge_absence, look_again_s
from services.provisioner.domain.prices import completed_by
from services.provisioner.ports import Machine, MachineState


def began(machine: Machine | None) -> datetime | None:
    """Since when a machine costs money: one that never ran has been reserved from its creation on."""
    return None if machine is None else machine.running_since or machine.created_at


def priced(pod: Pod, *machines: Machine | None) -> Pod:
    """The pod with what these looks at its machine tell of the price."""
    for machine in machines:
        if machine is not None:
            pod = replace(pod, price=completed_by(pod.price, machine.price))
    return pod


def price_columns(pod: Pod) -> dict[str, Any]:
    return asdict(pod.price)


async def record_machine(context: WorkerContext, current: LeasedPod, machine: Machine) -> None:
    """Running or not yet. A machine that is not wanted any more is ended next."""
    price = price_columns(priced(current.pod, machine))
    values: dict[str, object] = {"provider_pod_id": machine.provider_pod_id, "reason": "", "missing_since": None}
    values |= price
    if current.pod.status is PodStatus.TERMINATING:
        await current.release(provider_pod_id=machine.provider_pod_id, running_since=began(machine), **price)
    elif machine.state is MachineState.STARTING or _never_ran(machine):
        await current.release(min(1.0, context.policy.timeouts.poll_s), **values)
    else:
        await _record_running(context, current, machine, values)


def _never_ran(machine: Machine) -> bool:
    """It stands there and cannot be started: the next look ends the attempt."""
    return machine.state is MachineState.EXITED and machine.running_since is None and machine.exited_at is None


async def _record_running(
    context: WorkerContext, current: LeasedPod, machine: Machine, values: dict[str, object]
) -> None:
    since = machine.running_since or current.now
    pod = priced(current.pod, machine)
    await pod_events.publish_running(current.tx, current.job, pod, machine.provider_pod_id, since)
    await jobs.mark_running(current.tx, current.job.job_id, current.now)
    context.metrics.time_to_running.observe((current.now - current.pod.requested_at).total_seconds())
    after_s = context.policy.timeouts.poll_s if machine.state is MachineState.RUNNING else 0.0
    await current.release(after_s, status=PodStatus.RUNNING, running_since=since, came_up_at=current.now, **values)


async def still_missing(context: WorkerContext, current: LeasedPod) -> bool:
    """The provider shows no such machine. True: that is not proof yet, and when to look again is noted."""
    timeouts = context.policy.timeouts
    absence = judge_absence(current.pod, current.now, timeouts)
    if absence is Absence.GONE:
        return False
    since = current.pod.missing_since or current.now if absence is Absence.NOTED else None
    await current.release(look_again_s(current.pod, current.now, timeouts), missing_since=since)
    return True

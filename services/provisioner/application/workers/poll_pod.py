"""Look at a machine that was created: does it run, has it ended, and if so, how?"""

import asyncio
from datetime import datetime
from typing import Any

import structlog

from chassis.messaging.outbox import emit
from chassis.objects.store import ObjectStore
from chassis.problems import ServiceUnavailable
from contracts.envelope import Event
from contracts.error_catalogue import ErrorCode
from contracts.error_taxonomy import TrainingErrorType
from contracts.events import TrainingCompleted, TrainingFailed
from services.provisioner.adapters.repository import pods
from services.provisioner.application.commands import training
from services.provisioner.application.commands.attempts import Ending, end_attempt
from services.provisioner.application.queries.unreported_result import unreported_result
from services.provisioner.application.workers.context import LeasedPod, PodLease, WorkerContext, leased
from services.provisioner.application.workers.machines import record_machine, still_missing
from services.provisioner.application.workers.start_failure import why_not_started
from services.provisioner.domain.attempts import ABANDONED_EXIT, cause_of_exit
from services.provisioner.domain.model import Pod, PodStatus
from services.provisioner.domain.retry_counters import Cause
from services.provisioner.ports import Machine, MachineState

_log = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 0.5


class PollPod:
    def __init__(self, context: WorkerContext, objects: ObjectStore) -> None:
        self._context, self._objects = context, objects

    async def run(self, lease: PodLease) -> None:
        try:
            async with asyncio.timeout(self._context.call_timeout_s):
                machine = await self._context.provider.describe(lease.pod.pod_name)
        except Exception as error:
            # The provider does not answer: that says nothing about the machine. Heartbeats decide meanwhile.
            self._context.metrics.provider_errors.labels("describe").inc()
            _log.warning("describe_failed", pod=lease.pod.pod_name, error=repr(error)[:300])
            await self._release(lease, self._context.policy.timeouts.poll_s)
            return
        start_failure = await why_not_started(self._context, lease.pod, machine)
        if machine is None or machine.state is MachineState.EXITED:
            await self._ended(lease, machine, start_failure)
        else:
            await self._alive(lease, machine, start_failure)

    async def _alive(self, lease: PodLease, machine: Machine, start_failure: ErrorCode | None) -> None:
        async with leased(self._context, lease) as current:
            if current is None:
                return
            if current.pod.status is PodStatus.CREATING:
                await self._coming_up(current, machine, start_failure)
            elif _is_over(current.pod.stop_by, current.now):
                await current.release(status=PodStatus.TERMINATING)
            else:
                poll_s = self._context.policy.timeouts.poll_s
                await current.release(poll_s if current.pod.stop_by is None else _LOOK_AGAIN_S, missing_since=None)

    async def _coming_up(self, current: LeasedPod, machine: Machine, start_failure: ErrorCode | None) -> None:
        since = current.pod.creating_since or current.now
        late = (current.now - since).total_seconds() > self._context.policy.timeouts.provisioning_s
        if machine.state is MachineState.STARTING and late:
            await self._end(current, Ending(Cause.NOT_STARTED, "the machine did not start in time",
                                            error_code=start_failure or ErrorCode.PROVISIONING_TIMEOUT))
        else:
            await record_machine(self._context, current, machine)

    async def _ended(self, lease: PodLease, machine: Machine | None, start_failure: ErrorCode | None) -> None:
        """A result that was not received counts as if it had been; only without one the attempt was interrupted."""
        pod = lease.pod
        events, reachable = ([], True) if pod.result is not None else await self._result(pod)
        async with leased(self._context, lease) as current:
            if current is None or (machine is None and await still_missing(self._context, current)):
                return
            if current.pod.status is PodStatus.CREATING and machine is not None and machine.running_since is not None:
                await record_machine(self._context, current, machine)  # it came and went between two looks
                return
            await self._save_end(current, machine)
            if current.pod.status is PodStatus.TERMINATING or current.pod.result is not None:
                await current.release(status=PodStatus.TERMINATING)
            elif events:
                await self._repeat(current, events)
            elif self._may_still_come(current, machine, reachable):
                await current.release(_LOOK_AGAIN_S)
            else:
                await self._end(current, _ending(current.pod, machine, start_failure))

    async def _result(self, pod: Pod) -> tuple[list[Event[Any]], bool]:
        try:
            return await unreported_result(self._objects, pod), True
        except ServiceUnavailable as error:
            _log.warning("result_not_readable", pod=pod.pod_name, error=error.detail)
            return [], False

    def _may_still_come(self, current: LeasedPod, machine: Machine | None, reachable: bool) -> bool:
        """A killed trainer says nothing more; one that ended in order may have words under way."""
        timeouts = self._context.policy.timeouts
        ended_for_s = (current.now - (current.pod.ended_at or current.now)).total_seconds()
        if not reachable:
            return ended_for_s < timeouts.result_unreachable_s
        in_order = machine is not None and cause_of_exit(machine.exit_code) is Cause.CRASHED
        return in_order and ended_for_s < timeouts.result_grace_s

    async def _save_end(self, current: LeasedPod, machine: Machine | None) -> None:
        await pods.change(current.tx, current.pod.pod_name, ended_at=current.pod.ended_at or current.now,
                          exit_code=machine.exit_code if machine else None)

    async def _repeat(self, current: LeasedPod, events: list[Event[Any]]) -> None:
        """Publish what the trainer could not, under the trainer's own ids, and act on it at once."""
        _log.info("result_repeated", pod=current.pod.pod_name, events=[event.type for event in events])
        self._context.metrics.repeated_results.inc()
        policy = self._context.policy
        for event in events:
            await emit(current.tx, event)
            if isinstance(event.data, TrainingCompleted):
                await training.complete_training(current.tx, event.data, policy=policy, now=current.now)
            elif isinstance(event.data, TrainingFailed):
                await training.fail_training(current.tx, event.data, policy=policy, now=current.now)
        await current.release(status=PodStatus.TERMINATING)

    async def _end(self, current: LeasedPod, ending: Ending) -> None:
        _log.info("attempt_ended", pod=current.pod.pod_name, cause=ending.cause.value, reason=ending.reason)
        self._context.metrics.interruptions.labels(ending.cause.value).inc()
        await end_attempt(current.tx, current.job, current.pod, ending, policy=self._context.policy, now=current.now)
        await current.release(status=PodStatus.TERMINATING)

    async def _release(self, lease: PodLease, after_s: float) -> None:
        async with leased(self._context, lease) as current:
            if current is not None:
                await current.release(after_s)


def _is_over(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _ending(pod: Pod, machine: Machine | None, start_failure: ErrorCode | None) -> Ending:
    if pod.status is PodStatus.CREATING:
        why = machine.reason if machine is not None else ""
        return Ending(Cause.NOT_STARTED, why or "the machine vanished before it ran", error_code=start_failure)
    if machine is None or machine.exit_code is None:
        return Ending(Cause.INTERRUPTED, "the machine is gone" if machine is None else machine.reason)
    if machine.out_of_memory:
        return Ending(Cause.FAILED, "the machine's main memory was used up, and the trainer was killed",
                      error_type=TrainingErrorType.OUT_OF_MEMORY, error_code=ErrorCode.HOST_OUT_OF_MEMORY)
    cause = cause_of_exit(machine.exit_code)
    if machine.exit_code == ABANDONED_EXIT:
        return Ending(cause, "the trainer ended itself: nobody had answered its heartbeats")
    if cause is Cause.INTERRUPTED:
        return Ending(cause, f"the trainer was killed (exit code {machine.exit_code})")
    how = "without leaving a result" if machine.exit_code == 0 else f"with exit code {machine.exit_code}"
    return Ending(cause, f"the trainer ended {how}; its log says why")

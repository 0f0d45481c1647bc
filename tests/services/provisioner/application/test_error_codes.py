"""Who is given up is told which failure of the catalogue it was, with its figures."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import events
from contracts.error_catalogue import CATALOGUE, ErrorCode
from contracts.error_taxonomy import TrainingErrorType
from services.provisioner.adapters.runpod.errors import refusal_of
from services.provisioner.application.workers.deadlines import end_overdue_jobs
from services.provisioner.domain.names import pod_name
from services.provisioner.ports import NoCapacity, ProviderError, RequestRefused
from tests.services.provisioner.world import World, failed


async def given_up(world: World) -> events.PodFailed:
    failure = next(e.data for e in await world.published() if isinstance(e.data, events.PodFailed))
    entry = CATALOGUE[ErrorCode(failure.error_code)]
    assert (failure.error_type, failure.suggested_fix) == (entry.error_type, entry.what_to_do)
    assert isinstance(failure, events.PodFailed)
    return failure


@pytest.mark.parametrize(("refusal", "code"), [
    (refusal_of(402, "top up"), ErrorCode.PROVIDER_BALANCE),
    (refusal_of(401, "key"), ErrorCode.PROVIDER_REFUSED),
    (refusal_of(422, "field"), ErrorCode.PROVIDER_REFUSED),
    (RequestRefused("an impossible machine"), ErrorCode.PROVIDER_REFUSED),
])
async def test_a_refusal_is_told_by_its_kind(world: World, refusal: Exception, code: ErrorCode) -> None:
    world.provider.faults.before_create.append(refusal)
    await world.started()
    failure = await given_up(world)
    assert failure.error_code == code
    assert failure.context["reason"] == str(refusal)


async def test_a_provider_that_keeps_failing(world: World) -> None:
    world.provider.faults.before_create += [ProviderError("503"), RuntimeError("a bug"), *[ProviderError("503")] * 4]
    await world.started()
    for _ in range(6):
        await world.settle(60)
    assert (await given_up(world)).error_code == ErrorCode.PROVIDER_UNAVAILABLE


async def test_no_capacity_for_too_long(world: World) -> None:
    world.provider.faults.before_create += [NoCapacity("sold out")] * 100
    await world.started()
    await world.settle(world.policy.retry.capacity_wait_s)
    failure = await given_up(world)
    assert failure.error_code == ErrorCode.NO_GPU_CAPACITY
    assert failure.context["waited_h"] == pytest.approx(world.policy.retry.capacity_wait_s / 3600, rel=0.01)


@pytest.mark.parametrize(("log", "code"), [
    (b"", ErrorCode.PROVISIONING_TIMEOUT),
    (b"create container\nerror pulling image: manifest unknown\nretrying\n", ErrorCode.IMAGE_PULL),
    (b"CUDA out of memory\n", ErrorCode.PROVISIONING_TIMEOUT),  # not what keeps a machine from starting
])
async def test_machines_that_do_not_come_up_are_asked_why(world: World, log: bytes, code: ErrorCode) -> None:
    world.provider.starting = True
    job_id = await world.started()
    world.provider.logs |= {pod_name(job_id, attempt): log for attempt in range(1, 10)}
    for _ in range(4 * world.policy.retry.not_started):
        await world.settle(world.policy.timeouts.provisioning_s + 1)
    failure = await given_up(world)
    assert failure.error_code == code
    assert failure.context["tries"] == world.policy.retry.not_started


async def test_a_log_that_cannot_be_read_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise ProviderError("the log is away")

    monkeypatch.setattr(world.provider, "read_log", broken)
    world.provider.starting = True
    await world.started()
    for _ in range(4 * world.policy.retry.not_started):
        await world.settle(world.policy.timeouts.provisioning_s + 1)
    assert (await given_up(world)).error_code == ErrorCode.PROVISIONING_TIMEOUT


async def test_too_many_interruptions(world: World) -> None:
    job_id = await world.started()
    for attempt in range(1, world.policy.retry.interruptions + 2):
        world.provider.exits(pod_name(job_id, attempt), 137)
        await world.settle(6)
    failure = await given_up(world)
    assert failure.error_code == ErrorCode.INTERRUPTED_TOO_OFTEN
    assert failure.context == {"interruptions": world.policy.retry.interruptions + 1}


async def test_a_trainer_that_crashes_again_and_again(world: World) -> None:
    job_id = await world.started()
    for attempt in range(1, world.policy.retry.faults + 1):
        world.provider.exits(pod_name(job_id, attempt), 1)
        for _ in range(4):
            await world.settle(6)
    failure = await given_up(world)
    assert failure.error_code == ErrorCode.TRAINER_CRASHED
    assert failure.error_type.value == "unknown"


async def test_the_trainers_own_code_is_kept(world: World) -> None:
    job_id = await world.started()
    for attempt in range(1, world.policy.retry.faults + 1):
        told = failed(job_id, attempt, retryable=True)
        await world.deliver(told.model_copy(update={
            "error_type": TrainingErrorType.NETWORK, "error_code": "download_failed"}))
        for _ in range(4):
            await world.settle(20)
    assert (await given_up(world)).error_code == ErrorCode.DOWNLOAD_FAILED


async def test_the_time_limit(world: World) -> None:
    await world.started(max_duration_s=7200)
    world.clock.advance(7300)
    await end_overdue_jobs(world.context)
    failure = await given_up(world)
    assert (failure.error_code, failure.context) == (ErrorCode.TIME_LIMIT, {"max_duration_h": 2.0})

"""What Prometheus is told of machines."""

from __future__ import annotations

from contracts import events
from services.provisioner.application.workers.deadlines import show_pods
from services.provisioner.application.workers.metrics import Metrics
from tests.services.provisioner.world import WORKSPACE, World, start_request


def machines(world: World) -> dict[tuple[str, ...], float]:
    return {labels: gauge._value.get() for labels, gauge in world.context.metrics.machines._metrics.items()}


def metrics(world: World) -> Metrics:
    return world.context.metrics


async def test_machines_are_told_by_provider_and_tier(world: World) -> None:
    await show_pods(world.context)
    assert machines(world)["local", "spot"] == 0
    await world.started()
    await show_pods(world.context)
    assert machines(world)["local", "spot"] == 1


async def test_a_request_that_waits_is_told(world: World) -> None:
    await world.deliver(start_request())
    await show_pods(world.context)
    assert metrics(world).request_age._value.get() > 0
    await world.settle()
    await show_pods(world.context)
    assert metrics(world).request_age._value.get() == 0


async def test_a_job_that_its_user_cancels_did_not_wait_in_vain(world: World) -> None:
    start = start_request()
    await world.deliver(start)
    await world.deliver(events.JobCancelRequested(job_id=start.job_id, workspace_id=WORKSPACE, requested_by="someone"))
    for _ in range(5):
        await world.settle(5)
    assert metrics(world).never_started._value.get() == 0


async def test_one_that_was_given_up_without_a_machine_did(world: World) -> None:
    start = start_request()
    await world.deliver(start)
    await world.deliver(events.JobFailed(
        job_id=start.job_id, workspace_id=WORKSPACE, job_name="a job", created_by="someone", error_type="provisioning",
        message="no machine", suggested_fix="", failed_at=world.clock.now()))
    for _ in range(5):
        await world.settle(5)
    assert metrics(world).never_started._value.get() == 1

"""What pods ask: to be alive, to read and write objects, to know what they can resume from.

The broker guarantees that a pod asks for its own job only; whether its attempt counts is checked by each answer. No
answer reaches a row of another workspace than that of the job.
"""


from chassis.messaging.context import WithClock, WithDatabase
from chassis.messaging.requests import PodJob, RequestRouter
from contracts.rpc.pods import (
    DELETE_CHECKPOINT,
    HEARTBEAT,
    LIST_CHECKPOINTS,
    SIGN_URLS,
    DeleteCheckpoint,
    Done,
    Heartbeat,
    HeartbeatReply,
    ListCheckpoints,
    ListCheckpointsReply,
    SignUrls,
    SignUrlsReply,
)
from services.provisioner.application.commands import checkpoints, heartbeats
from services.provisioner.application.queries import objects as object_queries
from services.provisioner.subscribers.context import (
    PodLease,
    UrlLifetime,
    WithDatabaseClock,
    WithJobWorkspaces,
    WithObjects,
    WithRates,
)
from services.provisioner.subscribers.problems import job_uuid, refusals_as_problems

requests = RequestRouter()


@requests.pod_rpc(HEARTBEAT)
async def heartbeat(
    request: Heartbeat, job_id: PodJob, database: WithDatabase, database_clock: WithDatabaseClock, clock: WithClock,
    rates: WithRates, lease_s: PodLease, workspaces: WithJobWorkspaces,
) -> HeartbeatReply:
    with refusals_as_problems():
        rates.spend(HEARTBEAT.method, job_id, 1, clock.monotonic())
        job = job_uuid(job_id)
        async with workspaces.entered(job), database.transaction() as tx:
            return await heartbeats.record_heartbeat(
                tx, job, request, await database_clock.now(tx), lease_s=lease_s)


@requests.pod_rpc(SIGN_URLS)
async def sign_urls(
    request: SignUrls, job_id: PodJob, database: WithDatabase, objects: WithObjects, clock: WithClock,
    lifetime_s: UrlLifetime, rates: WithRates, database_clock: WithDatabaseClock, workspaces: WithJobWorkspaces,
) -> SignUrlsReply:
    with refusals_as_problems():
        rates.spend(SIGN_URLS.method, job_id, len(request.objects), clock.monotonic())
        job = job_uuid(job_id)
        async with workspaces.entered(job):
            return await object_queries.sign_urls(
                database, objects, job, request, lifetime_s=lifetime_s, now=clock.now(),
                database_clock=database_clock)


@requests.pod_rpc(LIST_CHECKPOINTS)
async def list_checkpoints(
    request: ListCheckpoints, job_id: PodJob, database: WithDatabase, objects: WithObjects,
    database_clock: WithDatabaseClock, clock: WithClock, rates: WithRates, workspaces: WithJobWorkspaces,
) -> ListCheckpointsReply:
    with refusals_as_problems():
        rates.spend(LIST_CHECKPOINTS.method, job_id, 1, clock.monotonic())
        job = job_uuid(job_id)
        async with workspaces.entered(job):
            return await checkpoints.offer_checkpoints(database, objects, job, request, database_clock)


@requests.pod_rpc(DELETE_CHECKPOINT)
async def delete_checkpoint(
    request: DeleteCheckpoint, job_id: PodJob, database: WithDatabase, database_clock: WithDatabaseClock,
    clock: WithClock, rates: WithRates, workspaces: WithJobWorkspaces,
) -> Done:
    with refusals_as_problems():
        rates.spend(DELETE_CHECKPOINT.method, job_id, 1, clock.monotonic())
        job = job_uuid(job_id)
        async with workspaces.entered(job):
            await checkpoints.give_up_checkpoint(database, job, request, database_clock)
    return Done()

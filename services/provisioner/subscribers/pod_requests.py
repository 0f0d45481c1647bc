"""What pods ask: to be alive, to read and write objects, to know what they can resume from.

The broker guarantees that a pod asks for its own job only; whether its attempt counts is checked by each answer.
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
from services.provisioner.subscribers.context import UrlLifetime, WithDatabaseClock, WithObjects
from services.provisioner.subscribers.problems import job_uuid, refusals_as_problems

requests = RequestRouter()



@requests.pod_rpc(HEARTBEAT)
async def heartbeat(
    request: Heartbeat, job_id: PodJob, database: WithDatabase, clock: WithDatabaseClock
) -> HeartbeatReply:
    async with database.transaction() as tx:
        return await heartbeats.record_heartbeat(tx, job_uuid(job_id), request, await clock.now(tx))


@requests.pod_rpc(SIGN_URLS)
async def sign_urls(
    request: SignUrls, job_id: PodJob, database: WithDatabase, objects: WithObjects, clock: WithClock,
    lifetime_s: UrlLifetime,
) -> SignUrlsReply:
    with refusals_as_problems():
        return await object_queries.sign_urls(database, objects, job_uuid(job_id), request, lifetime_s=lifetime_s,
                                              now=clock.now())


@requests.pod_rpc(LIST_CHECKPOINTS)
async def list_checkpoints(
    request: ListCheckpoints, job_id: PodJob, database: WithDatabase, objects: WithObjects, clock: WithDatabaseClock
) -> ListCheckpointsReply:
    with refusals_as_problems():
        return await checkpoints.offer_checkpoints(database, objects, job_uuid(job_id), request, clock)


@requests.pod_rpc(DELETE_CHECKPOINT)
async def delete_checkpoint(
    request: DeleteCheckpoint, job_id: PodJob, database: WithDatabase, clock: WithDatabaseClock
) -> Done:
    with refusals_as_problems():
        await checkpoints.give_up_checkpoint(database, job_uuid(job_id), request, clock)
    return Done()

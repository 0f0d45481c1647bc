"""What other services ask about pods."""


from chassis.messaging.context import WithDatabase
from chassis.messaging.requests import RequestRouter
from contracts.rpc.pods import (
    JOB_CHECKPOINTS,
    JOB_PODS,
    LEAKS,
    MACHINES,
    POD_LOG,
    PRICES,
    JobCheckpoints,
    JobCheckpointsQuery,
    JobPods,
    JobPodsQuery,
    Leaks,
    LeaksQuery,
    LogPage,
    LogQuery,
    Machines,
    MachinesQuery,
    Prices,
    PricesQuery,
)
from services.provisioner.application.queries import checkpoints as checkpoint_queries
from services.provisioner.application.queries import leaks as leak_queries
from services.provisioner.application.queries import machines as machine_queries
from services.provisioner.application.queries import pods
from services.provisioner.application.queries import prices as price_queries
from services.provisioner.subscribers.context import WithProvider
from services.provisioner.subscribers.problems import refusals_as_problems

requests = RequestRouter()



@requests.rpc(JOB_PODS)
async def job_pods(request: JobPodsQuery, database: WithDatabase) -> JobPods:
    return await pods.job_pods(database, request)


@requests.rpc(JOB_CHECKPOINTS)
async def job_checkpoints(request: JobCheckpointsQuery, database: WithDatabase) -> JobCheckpoints:
    return await checkpoint_queries.job_checkpoints(database, request)


@requests.rpc(POD_LOG)
async def pod_log(request: LogQuery, database: WithDatabase, provider: WithProvider) -> LogPage:
    with refusals_as_problems():
        return await pods.pod_log(database, provider, request)


@requests.rpc(MACHINES)
async def machines(request: MachinesQuery, database: WithDatabase) -> Machines:
    return await machine_queries.machines(database, request)


@requests.rpc(LEAKS)
async def leaks(request: LeaksQuery, database: WithDatabase) -> Leaks:
    return await leak_queries.leaks(database, request)


@requests.rpc(PRICES)
async def prices(request: PricesQuery, provider: WithProvider) -> Prices:
    return await price_queries.prices(provider, request)

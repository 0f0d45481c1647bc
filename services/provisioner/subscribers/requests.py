"""What other services ask about pods."""

from typing import Annotated

from chassis.messaging.context import FromContext, WithDatabase
from chassis.messaging.requests import RequestRouter
from contracts.rpc.pods import JOB_PODS, POD_LOG, JobPods, JobPodsQuery, LogPage, LogQuery
from services.provisioner.application.queries import pods
from services.provisioner.ports import ComputeProvider
from services.provisioner.subscribers.problems import refusals_as_problems

requests = RequestRouter()

WithProvider = Annotated[ComputeProvider, FromContext("provider")]


@requests.rpc(JOB_PODS)
async def job_pods(request: JobPodsQuery, database: WithDatabase) -> JobPods:
    return await pods.job_pods(database, request)


@requests.rpc(POD_LOG)
async def pod_log(request: LogQuery, database: WithDatabase, provider: WithProvider) -> LogPage:
    with refusals_as_problems():
        return await pods.pod_log(database, provider, request)

"""job_api's answer to who created a job."""

from uuid import UUID

from chassis.messaging.bus import Bus
from chassis.problems import ProblemError
from contracts.rpc.jobs import JOB_CREATOR, JobCreatorQuery
from services.notifier.ports import DeliveryFailed


class JobApiCreators:
    """`ports.JobCreators`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def email(self, workspace_id: UUID, job_id: UUID) -> str | None:
        query = JobCreatorQuery(workspace_id=workspace_id, job_id=job_id)
        try:
            return (await self._bus.request(JOB_CREATOR, query)).email
        except ProblemError as error:
            raise DeliveryFailed(f"nobody said who created the job: {error.detail}") from error

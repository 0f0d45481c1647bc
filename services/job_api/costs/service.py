"""What a run would cost, before anything is created."""

from typing import NamedTuple
from uuid import UUID

from contracts.model_memory import Fit
from contracts.rpc import costs
from contracts.rpc.costs import Estimate
from services.job_api.files.repository import references
from services.job_api.jobs.application.commands import JobContext, NewJob
from services.job_api.jobs.application.create_job import configure
from services.job_api.jobs.application.estimates import estimate_request
from services.job_api.jobs.application.memory import require_fit
from services.job_api.jobs.application.usable_files import usable_file
from services.job_api.jobs.domain.configuration import Configuration


class Estimated(NamedTuple):
    """`memory` is None where the model or the machine is not known."""

    configuration: Configuration
    cost: Estimate
    memory: Fit | None


async def estimate_cost(context: JobContext, workspace_id: UUID, wanted: NewJob) -> Estimated:
    """Raises InvalidValues, UnknownTrainingFile, TrainingFileBlocked, DoesNotFit, and ServiceUnavailable without an
    answer."""
    configuration = configure(wanted, context.defaults)
    async with context.database.read() as tx:
        file = await usable_file(tx, workspace_id, wanted.training_file_id)
    memory = require_fit(context.machines, configuration, references.reference(file))
    request = estimate_request(workspace_id, configuration, references.reference(file))
    return Estimated(configuration, await context.rpc.request(costs.ESTIMATE, request), memory)

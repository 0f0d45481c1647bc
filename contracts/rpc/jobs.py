"""What services ask job_api."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobCreatorQuery(Model):
    """Who created this job of the workspace, to write to them: asked when a message leaves, and kept by nobody."""

    workspace_id: UUID
    job_id: UUID


class JobCreator(Model):
    """`email` null: there is no such job, or nobody who is a member now created it."""

    email: str | None = Field(default=None, repr=False)


JOB_CREATOR = Rpc("job_api", "job_creator", JobCreatorQuery, JobCreator)

"""What the job list can be filtered by."""

from typing import Literal

from pydantic import Field

from services.job_api.edge.fields import View


class CreatorView(View):
    created_by: str
    created_by_name: str | None = Field(description="null: nobody who is a member now")


class FiltersView(View):
    """Of the newest 2,000 jobs, the most used first, at most 100 of each."""

    object: Literal["job_filters"]
    tags: list[str]
    clients: list[str]
    projects: list[str]
    creators: list[CreatorView]

"""What jobs can be filtered by: what is in use in one's own workspace, the most used first."""

from uuid import uuid4

from services.job_api.edge.auth import Role
from services.job_api.jobs.application.filters import MOST, most_used
from services.job_api.jobs.schemas.filters import FiltersView


async def test_what_is_in_use_is_told_the_most_used_first(api) -> None:
    nothing = (await api.client.get("/job-filters")).json()
    assert (nothing["tags"], nothing["clients"], nothing["creators"]) == ([], [], [])
    await api.new_job(tags=["calm", "b"], client="Acme, Inc.", project="One")
    await api.new_job(tags=["b"], client="Acme, Inc.")
    ada = await api.member(Role.ENGINEER)
    hers = (await ada.post("/jobs", json={"training_file_id": await api.add_file(), "client": "Other"})).json()
    found = (await api.client.get("/job-filters")).json()
    FiltersView.model_validate(found)
    assert found["tags"] == ["b", "calm"]
    assert found["clients"] == ["Acme, Inc.", "Other"]
    assert found["projects"] == ["One"]
    assert found["creators"][1] == {"created_by": hers["created_by"], "created_by_name": hers["created_by_name"]}
    stranger = await api.member(Role.ADMIN, workspace_id=uuid4())
    assert (await stranger.get("/job-filters")).json()["tags"] == []


def test_there_is_an_end_to_what_is_suggested() -> None:
    rows = [{"tags": [f"tag {number:03}"], "jobs": number} for number in range(1, 150)]
    found = most_used(rows, lambda row: row["tags"])
    assert (len(found), found[0]) == (MOST, "tag 149")

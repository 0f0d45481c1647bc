"""The event streams: only what is new, resumed without a gap, ended with the job."""

import asyncio
import json

import httpx

from contracts import events
from tests.services.dashboard.conftest import Browser


class Stream:
    """Messages of an open stream: (event, id, data)."""

    def __init__(self, browser: Browser, path: str, **headers: str) -> None:
        self._opened = browser.http.stream("GET", path, headers={"accept": "text/event-stream", **headers})

    async def __aenter__(self) -> "Stream":
        self.response = await self._opened.__aenter__()
        self._lines = self.response.aiter_lines()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.__aexit__(*error)

    async def next(self, *kinds: str) -> tuple[str, str, str]:
        """The next message of one of these kinds."""
        found: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "data" and "data" in found:
                    value = f"{found['data']}\n{value}"
                if line and not line.startswith(":"):
                    found[name] = value
                elif not line:
                    if found.get("event") in kinds:
                        return found["event"], found.get("id", ""), found.get("data", "")
                    found = {}
        raise AssertionError("the stream ended")


async def test_a_job_page_hears_of_entries_once_and_goes_on_where_it_was(api, browser) -> None:
    job = await api.running_job(name="Watched")
    seen = (await api.job(job["id"]))["last_event_seq"]
    async with Stream(browser, f"/jobs/{job['id']}/live?after={seen}") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.response.headers
        _, _, header = await stream.next("header")
        assert "Watched" in header
        await api.tell(events.TrainingWarning(**api.about(job), code="x", message="<b>first</b>"))
        _, number, entry = await stream.next("entry")
        assert int(number) > seen
        assert "&lt;b&gt;first" in entry
    await api.tell(events.TrainingWarning(**api.about(job), code="x", message="second"))
    async with Stream(browser, f"/jobs/{job['id']}/live?after=0", **{"last-event-id": number}) as stream:
        _, later, entry = await stream.next("entry")
        assert "second" in entry
        assert int(later) == int(number) + 1


async def test_progress_moves_the_header_and_the_charts(api, browser) -> None:
    job = await api.running_job()
    async with Stream(browser, f"/jobs/{job['id']}/live") as stream:
        await stream.next("header")
        await api.tell(events.TrainingProgressed(**api.about(job), step=7, total_steps=20, epoch=0.5, loss=1.25))
        _, _, header = await stream.next("header")
        while "7 of 20" not in header:
            _, _, header = await stream.next("header")
        assert "1.2500" in header


async def test_the_stream_ends_with_the_job_and_a_strangers_at_once(api, browser, dashboard) -> None:
    from uuid import uuid4

    from services.job_api.edge.auth import Role

    job = await api.running_job()
    other = await api.member(Role.ADMIN, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(other.headers["authorization"].removeprefix("Bearer "))
    async with Stream(stranger, f"/jobs/{job['id']}/live") as stream:
        await stream.next("end")
    async with Stream(browser, f"/jobs/{job['id']}/live") as stream:
        await api.client.post(f"/jobs/{job['id']}/cancel")
        await stream.next("end")


async def test_rows_of_the_jobs_page_come_at_first_and_when_they_change(api, browser) -> None:
    """At first: what changed since the page was made, or while the stream was broken off, is not lost."""
    job, still = await api.new_job(name="Row"), await api.new_job(name="Still")
    async with Stream(browser, "/jobs/live") as stream:
        found = {kind: row for kind, _, row in [await stream.next(f"row-{job['id']}", f"row-{still['id']}")
                                               for _ in range(2)]}
        assert "Row" in found[f"row-{job['id']}"]
        assert "Still" in found[f"row-{still['id']}"]
        await api.client.patch(f"/jobs/{job['id']}", json={"name": "Row <renamed>"})
        _, _, row = await stream.next(f"row-{job['id']}", f"row-{still['id']}")
        assert "Row &lt;renamed&gt;" in row


async def test_nobody_streams_without_a_sign_in(dashboard) -> None:
    async with httpx.AsyncClient(base_url=dashboard) as http:
        answer = await http.get("/jobs/live")
    assert answer.status_code == 401
    assert json.loads(answer.text)["title"] == "Sign in"

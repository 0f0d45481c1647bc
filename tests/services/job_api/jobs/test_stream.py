"""The live stream of a job: what was, what comes, the end; who may see it, and how many at once."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import jwt
from sqlalchemy import update

from chassis.database.engine import DatabaseUnavailable
from contracts import events
from services.job_api.tables import memberships
from tests.services.job_api.conftest import JWT_SECRET
from tests.services.job_api.waiting import eventually


class Stream:
    """Reads server-sent events: (id, event, data) and comments."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.aiter_lines()
        self.comments: list[str] = []

    async def next(self, timeout_s: float = 60):
        async with asyncio.timeout(timeout_s):
            return await self._next()

    async def _next(self):
        fields: dict[str, str] = {}
        async for line in self.lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])
            else:
                fields = {}
        return None

    async def until(self, event: str):
        while (message := await self.next()) is not None:
            if message[1] == event:
                return message
        raise AssertionError(f"the stream ended without {event}")


async def test_the_stream_shows_what_was_what_comes_and_the_end(api):
    job = await api.running_job()
    async with api.client.stream("GET", f"/jobs/{job['id']}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        assert [(await stream.next())[:2] for _ in range(4)] == [
            (1, "job.created"), (2, "job.status_changed"), (3, "job.start_requested"), (0, "job")]
        await asyncio.sleep(0.8)
        await api.tell(events.TrainingProgressed(**api.about(job), step=7, total_steps=30, epoch=0.7, loss=2.5))
        seq, _, entry = await stream.until("training.progressed")
        assert (seq, entry["payload"]["step"]) == (4, 7)
        assert stream.comments  # the heartbeat of a quiet stream
        _, _, shown = await stream.until("job")
        assert (shown["current_step"], shown["status"]) == (7, "training")
        await api.client.post(f"/jobs/{job['id']}/cancel")
        assert (await stream.until("job.cancelled"))[0] > 4
        assert (await stream.until("end"))[2] == {"status": "cancelled"}
        assert await stream.next() is None


async def test_the_stream_resumes_after_the_last_event_seen(api):
    job = await api.running_job()
    headers = {"last-event-id": "2"}
    async with api.client.stream("GET", f"/jobs/{job['id']}/stream", headers=headers) as response:
        assert (await Stream(response).next())[:2] == (3, "job.start_requested")
    await api.client.post(f"/jobs/{job['id']}/cancel")
    last = (await api.job(job["id"]))["last_event_seq"]
    async with api.client.stream("GET", f"/jobs/{job['id']}/stream", headers=headers) as response:
        stream, seen = Stream(response), []
        while (message := await stream.next()) is not None:
            seen.append(message[0])
        assert [seq for seq in seen if seq] == list(range(3, last + 1))
    nothing_left = await api.client.get(f"/jobs/{job['id']}/stream", headers={"last-event-id": str(last)})
    assert nothing_left.status_code == 204


async def test_streams_are_limited_for_each_caller_each_workspace_and_the_server(api):
    job = await api.running_job()
    colleague, stranger, another = await api.member("analyst"), await foreign(api), await foreign(api)
    async with AsyncExitStack() as streams, asyncio.timeout(90):
        for _ in range(2):
            await opened(streams, api.client, job["id"])
        await refused(api.client, job["id"], 429, "stream_limit_reached", "2 event streams")
        await opened(streams, colleague, job["id"])
        await refused(colleague, job["id"], 429, "stream_limit_reached", "Your workspace")
        await opened(streams, *stranger)
        await refused(*another, 503, "too_many_streams", "This server")
        assert api.app.state.dependencies.stream_slots.taken == 4
    await eventually(lambda: api.app.state.dependencies.stream_slots.taken == 0)
    async with AsyncExitStack() as streams:
        await opened(streams, api.client, job["id"])


async def foreign(api):
    """A caller of another workspace and a job of theirs."""
    workspace_id = uuid4()
    client = await api.member("engineer", workspace_id=workspace_id)
    file_id = await api.add_file(workspace_id=workspace_id)
    return client, (await client.post("/jobs", json={"training_file_id": file_id})).json()["id"]


async def opened(streams, client, job_id):
    stream = Stream(await streams.enter_async_context(client.stream("GET", f"/jobs/{job_id}/stream")))
    streams.callback(lambda: stream)  # kept: it is closed when nobody has it any more
    await stream.next()


async def refused(client, job_id, status, code, words):
    response = await client.get(f"/jobs/{job_id}/stream")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert words in response.json()["detail"]
    assert response.headers["retry-after"]


async def test_a_revoked_key_sees_nothing_more(api):
    job = await api.running_job()
    made = (await api.client.post("/api-keys", json={"name": "CI", "roles": ["analyst"], "email": "a@b.de"})).json()
    robot = api.as_key(made["key"])
    async with robot.stream("GET", f"/jobs/{job['id']}/stream") as response:
        stream = Stream(response)
        await stream.until("job")
        await api.client.delete(f"/api-keys/{made['id']}")
        chatter = asyncio.create_task(progressing(api, job))  # a busy stream is looked at as well
        _, _, problem = await stream.until("problem")
        chatter.cancel()
        assert (problem["code"], problem["status"]) == ("invalid_credentials", 401)
        assert "no longer valid" in problem["detail"]
        assert await stream.next() is None
    await eventually(lambda: api.app.state.dependencies.stream_slots.taken == 0)


async def progressing(api, job):
    for step in range(10_000):
        await api.tell(events.TrainingProgressed(**api.about(job), step=step, total_steps=10_000, epoch=0))
        await asyncio.sleep(0.05)


async def test_a_token_that_expires_ends_its_stream(api):
    workspace_id = uuid4()
    token = jwt.encode({
        "iss": "https://issuer.test", "aud": "authenticated", "sub": "ada", "exp": time.time() - 10 + 2,  # leeway: 10
        "app_metadata": {"workspace_id": str(workspace_id), "roles": ["engineer"]}}, JWT_SECRET, algorithm="HS256")
    ada = api.as_key(token)
    await ada.get("/me")
    file_id = await api.add_file(workspace_id=workspace_id)
    job = (await ada.post("/jobs", json={"training_file_id": file_id})).json()
    async with ada.stream("GET", f"/jobs/{job['id']}/stream") as response:
        assert (await Stream(response).until("problem"))[2]["code"] == "invalid_credentials"


async def test_a_member_who_loses_the_role_sees_nothing_more(api):
    job = await api.running_job()
    member = await api.member("analyst")
    async with member.stream("GET", f"/jobs/{job['id']}/stream") as response:
        stream = Stream(response)
        await stream.until("job")
        async with api.database.transaction() as tx:
            await tx.execute(update(memberships).where(memberships.c.roles == ["analyst"]).values(roles=[]))
        await stream.until("problem")


async def test_a_database_that_cannot_be_asked_about_a_key_ends_no_stream(api, monkeypatch):
    job = await api.running_job()
    lookup = api.app.state.dependencies.api_keys

    async def fail(prefix):
        raise DatabaseUnavailable("restarting")

    async with api.client.stream("GET", f"/jobs/{job['id']}/stream") as response:
        stream = Stream(response)
        await stream.until("job")
        with monkeypatch.context() as patch:
            patch.setattr(lookup, "find", fail)
            await asyncio.sleep(1)
        await api.client.post(f"/jobs/{job['id']}/cancel")
        assert (await stream.until("end"))[2] == {"status": "cancelled"}


async def test_a_server_that_stops_ends_its_streams(api):
    job = await api.running_job()
    async with api.client.stream("GET", f"/jobs/{job['id']}/stream") as response:
        stream = Stream(response)
        await stream.next()
        api.app.state.runtime.stopping.set()
        async with asyncio.timeout(60):
            while await stream.next() is not None:
                pass
    api.app.state.runtime.stopping.clear()

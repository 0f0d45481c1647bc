"""A trainer's output by lines and by bytes, with the real store beside and a machine that is there or gone."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from chassis.messaging.bus import Bus
from chassis.problems import NotFound
from chassis.settings import ServiceSettings
from contracts.envelope import new_event
from contracts.events import LogLevel, LogLine, LogReported
from contracts.rpc import pods
from services.job_api.edge.auth import Role
from services.job_api.jobs.schemas.logs import LogView
from services.metrics_ingest.app import build_runtime
from services.metrics_ingest.settings import Settings as StoreSettings
from tests.services.job_api.conftest import Api
from tests.services.job_api.cost_guard import answering
from tests.services.job_api.waiting import eventually

PULL = "pulling the image\nlayer 3 of 7\nmanifest unknown\n"


class Output:
    """What the machine's own log says, and what its trainer told."""

    def __init__(self, api: Api) -> None:
        self.api, self.machine = api, b""

    async def log(self, request: pods.LogQuery) -> pods.LogPage:
        if request.attempt not in (None, 1, 2):
            raise NotFound(f"There is no attempt {request.attempt}.", code="attempt_not_found")
        text = self.machine[request.offset :][: request.max_bytes]
        return pods.LogPage(attempt=request.attempt or 1, text=text.decode(), next_offset=request.offset + len(text),
                            end=request.offset + len(text) >= len(self.machine))

    async def tell(self, job: dict[str, Any], count: int, attempt: int = 1) -> None:
        lines = tuple(LogLine(time=1_795_348_800 + n, text=f"step {n}",
                              level=LogLevel.ERROR if n % 10 == 0 else LogLevel.INFO) for n in range(1, count + 1))
        event = new_event(LogReported(**self.api.about(job, attempt), first_line=1, lines=lines), source="/trainer")
        await self.api.jetstream.publish(event.subject, event.to_bytes())

        async def stored() -> bool:
            return bool((await self.read(job, attempt=attempt, tail=1))["source"] == "store")

        await eventually(stored)

    async def read(self, job: dict[str, Any], **query: Any) -> dict[str, Any]:
        answer = await self.api.client.get(f"/jobs/{job['id']}/logs", params=query)
        assert answer.status_code == 200, answer.text
        return LogView.model_validate(answer.json()).model_dump(mode="json")


@pytest_asyncio.fixture
async def output(alone: Api, fresh_database: Any, settings_for: Any) -> AsyncIterator[Output]:
    database = await fresh_database("services.metrics_ingest")
    store = build_runtime(StoreSettings(**settings_for("metrics_ingest", database_url=database.url)))
    found = Output(alone)
    provisioner = Bus(ServiceSettings(service_name="provisioner", nats_url=alone.nats_url))
    provisioner.include(answering({pods.POD_LOG: found.log}))
    await provisioner.start()
    async with store.lifespan():
        yield found
    await provisioner.stop()


def numbers(answer: dict[str, Any]) -> list[int]:
    return [line["line"] for line in answer["lines"]]


async def test_lines_by_pages_by_level_by_text_and_the_last_ones(output: Output) -> None:
    job = await output.api.new_job()
    await output.tell(job, 250)
    first = await output.read(job, limit=100)
    assert (first["attempt"], first["source"], first["more_after"], first["end"]) == (1, "store", True, False)
    assert first["lines"][9] == {
        "line": 10, "time": "2026-11-22T12:00:10Z", "level": "error", "text": "step 10"}
    assert first["text"].splitlines() == [f"step {n}" for n in range(1, 101)]
    seen, page = numbers(first), first
    while page["more_after"]:
        page = await output.read(job, limit=100, after=page["next_after"])
        seen += numbers(page)
    assert seen == list(range(1, 251))
    tail = await output.read(job, tail=100)
    assert (numbers(tail), tail["end"], tail["more_before"]) == (list(range(151, 251)), True, True)
    before = await output.read(job, before=tail["next_before"], limit=2)
    assert numbers(before) == [149, 150]
    assert numbers(await output.read(job, search="STEP 24", level="error")) == [240]
    assert numbers(await output.read(job, after=250)) == []


async def test_the_newest_attempt_unless_another_is_named(output: Output) -> None:
    job = await output.api.new_job()
    await output.tell(job, 3)
    await output.tell(job, 2, attempt=2)
    newest = await output.read(job, tail=10)
    assert (newest["attempt"], numbers(newest)) == (2, [1, 2])
    assert newest["attempts"] == [{"attempt": 1, "first_line": 1, "last_line": 3},
                                  {"attempt": 2, "first_line": 1, "last_line": 2}]
    assert numbers(await output.read(job, attempt=1, after=0)) == [1, 2, 3]


async def test_a_container_that_never_told_anything_is_read_from_its_machine(output: Output) -> None:
    job = await output.api.new_job()
    output.machine = PULL.encode()
    found = await output.read(job, tail=2)
    assert (found["source"], [line["text"] for line in found["lines"]]) == (
        "machine", ["layer 3 of 7", "manifest unknown"])
    assert (found["lines"][0]["line"], found["lines"][0]["time"], found["more_before"]) == (2, None, True)
    page = await output.read(job, limit=2)
    assert (numbers(page), page["next_after"], page["more_after"]) == ([1, 2], 2, True)
    page = await output.read(job, after=2)
    assert (numbers(page), page["next_after"], page["more_after"]) == ([3], 3, False)
    assert numbers(await output.read(job, after=3)) == []
    assert numbers(await output.read(job, before=3)) == [1, 2]
    assert numbers(await output.read(job, search="LAYER")) == [2]
    assert numbers(await output.read(job, level="error")) == []


async def test_bytes_while_the_machine_is_there(output: Output) -> None:
    job = await output.api.new_job()
    output.machine = b"step 1\nstep 2\n"
    log = await output.read(job, offset=7, max_bytes=4)
    assert (log["text"], log["next_offset"], log["source"], log["lines"]) == ("step", 11, "machine", None)
    assert (await output.read(job))["text"] == "step 1\nstep 2\n"


async def test_bytes_of_a_machine_that_is_gone_come_from_the_store(output: Output) -> None:
    """Who reads on from `next_offset` sees all of it, once."""
    job = await output.api.new_job()
    await output.tell(job, 40)
    page = await output.read(job, max_bytes=100)
    assert (page["source"], page["end"]) == ("store", False)
    text = page["text"]
    while not page["end"]:
        page = await output.read(job, max_bytes=100, offset=page["next_offset"])
        text += page["text"]
    assert text.splitlines() == [f"step {n}" for n in range(1, 41)]
    assert (await output.read(job, offset=page["next_offset"]))["text"] == ""


async def test_a_job_that_printed_nothing(output: Output) -> None:
    job = await output.api.new_job()
    for query in ({}, {"tail": 5}, {"after": 0}):
        found = await output.read(job, **query)
        assert (found["text"], found["end"], found["attempts"]) == ("", True, [])


@pytest.mark.parametrize("query", [
    {"after": 1, "tail": 1}, {"tail": 5, "offset": 3}, {"limit": 0}, {"tail": 1_001}, {"level": "loud"},
    {"search": "x" * 201}, {"search": "\x00"}, {"before": 0}])
async def test_a_query_that_cannot_be_meant_is_refused(output: Output, query: dict[str, Any]) -> None:
    job = await output.api.new_job()
    answer = await output.api.client.get(f"/jobs/{job['id']}/logs", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


async def test_strangers_and_unknown_attempts_are_404(output: Output) -> None:
    job = await output.api.new_job()
    stranger = await output.api.member(Role.ANALYST, workspace_id=uuid4())
    for client, query in ((stranger, {"tail": 1}), (output.api.client, {"tail": 1, "attempt": 9})):
        assert (await client.get(f"/jobs/{job['id']}/logs", params=query)).status_code == 404

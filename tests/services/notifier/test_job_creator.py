"""The address of who created a job is asked for when the message leaves."""

from contextlib import asynccontextmanager

from chassis.messaging.bus import Bus
from chassis.messaging.requests import RequestRouter
from chassis.settings import ServiceSettings
from contracts.identifiers import uuid7
from contracts.rpc.jobs import JOB_CREATOR, JobCreator, JobCreatorQuery
from tests.fixtures.waiting import tries
from tests.services.notifier.test_service import about

EMAIL = "ada@example.com"


@asynccontextmanager
async def job_api(nats_url: str, asked: list[JobCreatorQuery]):
    """Knows Ada."""
    router, bus = RequestRouter(), Bus(ServiceSettings(service_name="job_api", nats_url=nats_url))

    @router.rpc(JOB_CREATOR)
    async def creator(query: JobCreatorQuery) -> JobCreator:
        asked.append(query)
        return JobCreator(email=EMAIL)

    bus.include(router)
    await bus.start()
    try:
        yield
    finally:
        await bus.stop()


def mail(box, **others):
    return {"smtp_host": "127.0.0.1", "smtp_port": box.port, **others}


async def test_while_job_api_is_away_the_message_waits(world, mailbox, topology) -> None:
    failed, asked = about("job.failed", created_by=str(uuid7())), []
    async with world.notifier(**mail(mailbox, retry_delays_s=(0.1,) * 1000, request_timeout_s=0.2)):
        await world.tell(failed)
        async for _ in tries():
            rows = await world.rows()
            if rows and rows[0].failures:
                break
        assert "who created the job" in rows[0].last_error
        async with job_api(topology.url, asked):
            [row] = await world.settled("sent")
    assert mailbox.recipients == [EMAIL]
    assert {(query.workspace_id, query.job_id) for query in asked} == {(failed.workspace_id, failed.job_id)}
    assert EMAIL not in str(row), "nobody keeps it"


async def test_a_servers_words_are_kept_without_the_address_that_it_repeats(world, mailbox, topology, capsys) -> None:
    mailbox.refusals = [f"550 5.1.1 <{EMAIL.upper()}>: user unknown"]
    async with job_api(topology.url, []), world.notifier(**mail(mailbox)):
        await world.tell(about("job.failed", created_by=str(uuid7())))
        [row] = await world.settled("failed")
    assert row.last_error == "550 5.1.1 <<recipient>>: user unknown"
    said = capsys.readouterr()
    assert "delivery failed" in said.out + said.err
    assert EMAIL not in (said.out + said.err).lower()

"""A stack of a released version lost its power; the present version comes up over its state."""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import nats.errors
import pytest
import pytest_asyncio

from brightrun.models import Job
from chassis.messaging.drift import consumer_drift
from contracts.streams import CONSUMERS, DEAD_LETTER_STREAM, RETIRED, STREAMS
from services.job_api.edge.auth import new_api_key
from tests.system.old_state import OldState, broker_client, let_jobs_go_on, read, topology_of, unpack
from tests.system.stack_under_test import ROOT, StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VERSION = "0.1.0"
MONTH = "2026-11"
SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
# What releases before logged every few seconds is removed after a while; all else stays for ever.
NO_MILESTONES = ("training.progressed", "cost.updated")
SHOWN_AS_BEFORE = ("description", "notes", "tags", "preset", "gpu_type", "created_at", "queued_at", "total_steps",
                   "latest_loss", "cost_estimate_micro_usd", "training_file_id", "created_by")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def before(tmp_path_factory: pytest.TempPathFactory) -> OldState:
    return await read(VERSION, tmp_path_factory.mktemp("before"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(before: OldState, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackUnderTest]:
    stack = StackUnderTest(unpack(VERSION, tmp_path_factory.mktemp("state")))
    await asyncio.to_thread(let_jobs_go_on, stack.data)
    try:
        await asyncio.to_thread(stack.up)
        yield stack
    finally:
        await asyncio.to_thread(stack.command, "stack", "down", check=False)


def recovered(system: StackUnderTest, before: OldState) -> Job:
    """The job that was cut off, when it has ended and its last bill is known."""
    return system.wait_for(before.job_ids["cut off"], lambda job: job.has_ended and job.cost_is_final)


def test_every_program_is_ready_and_the_doctor_finds_nothing(system: StackUnderTest) -> None:
    assert {name for name, row in system.programs().items() if not row["ready"]} == set()
    assert set(SERVICES) < set(system.programs())
    system.command("brightrun", "doctor")


def test_details_of_the_api_are_on_a_port_of_their_own(system: StackUnderTest) -> None:
    """A stack of the release before has no such port: it gets one."""
    state = json.loads((system.data / "stack.json").read_text())
    health = next(program["health"] for program in state["programs"] if program["name"] == "job_api")
    checks = httpx.get(health).json()["checks"]
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert "http_requests_total" in httpx.get(health.replace("/health/ready", "/metrics")).text
    assert httpx.get(f"{state['url']}/metrics").status_code == 404
    assert "checks" not in httpx.get(f"{state['url']}/health/ready").json()


def test_every_database_has_the_newest_schema(system: StackUnderTest) -> None:
    for service in SERVICES:
        newest = max(path.name[:4] for path in (ROOT / "services" / service / "migrations" / "versions").glob("0*.py"))
        assert system.query(service, "SELECT version_num FROM alembic_version") == [{"version_num": newest}]


@pytest.mark.parametrize(("name", "status"), [("finished", "completed"), ("given up", "cancelled")])
def test_an_ended_job_is_shown_as_before(system: StackUnderTest, before: OldState, name: str, status: str) -> None:
    then, now = before.job(name), system.job(before.job_ids[name])
    assert (now.status, then["status"]) == (status, status)
    assert now.cost_is_final
    assert now.actual_cost_micro_usd == then["actual_cost_micro_usd"]
    _assert_shown_as_before(now, then)
    if then["validation"]:
        assert now.validation is not None
        assert now.validation["perplexity_trained"] == then["validation"]["perplexity_trained"]


@pytest.mark.parametrize("name", ["waiting", "cut off"])
def test_an_open_job_is_shown_as_before(system: StackUnderTest, before: OldState, name: str) -> None:
    _assert_shown_as_before(system.job(before.job_ids[name]), before.job(name), but=("latest_loss", "queued_at"))


def _assert_shown_as_before(now: Job, then: dict[str, Any], but: tuple[str, ...] = ()) -> None:
    shown = now.model_dump(mode="json")
    assert {name: _plain(shown[name]) for name in SHOWN_AS_BEFORE if name not in but} == {
        name: _plain(then[name]) for name in SHOWN_AS_BEFORE if name not in but}


def _plain(value: object) -> object:
    """The same moment is written in several ways, and so is an id."""
    if not isinstance(value, str):
        return str(value) if isinstance(value, UUID) else value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


@pytest.mark.parametrize("name", ["finished", "waiting", "given up", "cut off"])
def test_the_log_goes_on_where_it_ended(system: StackUnderTest, before: OldState, name: str) -> None:
    with system.client() as client:
        now = list(client.all_events(before.job_ids[name]))
    assert [event["seq"] for event in now] == sorted({event["seq"] for event in now})
    known = {event["id"]: (event["seq"], event["type"], event["message"]) for event in now}
    for event in before.events(name):
        if event["type"] not in NO_MILESTONES:
            told = event["message"].replace(before.job(name)["created_by"], "Administrator")  # people by name now
            assert known[event["event_id"]] == (event["seq"], event["type"], told)


def test_the_finished_adapter_downloads(system: StackUnderTest, before: OldState) -> None:
    with system.client() as client:
        download = client.adapter_download(before.job_ids["finished"])
    content = httpx.get(download.url, timeout=60).raise_for_status().content
    assert hashlib.sha256(content).hexdigest() == download.sha256
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {"adapter_model.safetensors", "adapter_config.json"} <= {Path(name).name for name in archive.namelist()}


def test_what_was_cut_off_recovers_and_completes(system: StackUnderTest, before: OldState) -> None:
    job = recovered(system, before)
    assert (job.status, job.checkpoint_recovery_count) == ("completed", 1), system.story(job.id)
    assert job.validation is not None
    assert system.trainers(job.id) == []


def test_the_outage_costs_nothing_and_alarms_nobody(system: StackUnderTest, before: OldState) -> None:
    job = recovered(system, before)
    spans = system.query("cost_guard", "SELECT terminated_at - running_since AS span FROM billing_intervals "
                                       f"WHERE job_id = '{job.id}' AND attempt = 1")
    assert spans[0]["span"].total_seconds() < 60, "it ran for about half a minute when the power went"
    costs = system.query("cost_guard", "SELECT event::json -> 'data' ->> 'cost_micro_usd' AS cost "
                                       f"FROM outbox WHERE subject LIKE 'cost.%.{job.id}'")
    # The meter may have looked a moment after the machine's end; the outage would cost a hundred times as much.
    assert max(int(row["cost"]) for row in costs) <= 1.5 * job.actual_cost_micro_usd


def test_the_waiting_job_can_be_started(system: StackUnderTest, before: OldState) -> None:
    with system.client() as client:
        client.start(before.job_ids["waiting"])
    system.wait_for(before.job_ids["waiting"], lambda job: job.status == "completed" and job.cost_is_final)


def test_money_is_what_it_was(system: StackUnderTest, before: OldState) -> None:
    recovered(system, before)
    costs = {str(row["job_id"]): row["settled_micro_usd"] for row in system.query(
        "cost_guard", "SELECT job_id, settled_micro_usd FROM jobs")}
    assert {row["job_id"]: costs[row["job_id"]] for row in before.tables["costs"]} == {
        row["job_id"]: row["settled_micro_usd"] for row in before.tables["costs"]}
    intervals = [_row(row) for row in system.query("cost_guard", "SELECT * FROM billing_intervals")]
    for row in before.tables["intervals"]:  # columns have come since, values have not changed
        assert any(_row(row).items() <= found.items() for found in intervals)
    with system.client() as client:
        budget, jobs = client.budget(), client.jobs().data
    assert budget["limit_micro_usd"] == 250_000_000 == before.tables["budgets"][0]["limit_micro_usd"]
    if budget["month"] == MONTH:
        assert budget["spent_micro_usd"] == pytest.approx(sum(job["actual_cost_micro_usd"] for job in jobs), abs=20)


def _row(row: dict[str, Any]) -> dict[str, object]:
    return {name: _plain(value) for name, value in row.items()}


def test_the_good_key_works_and_the_revoked_one_does_not(system: StackUnderTest, before: OldState) -> None:
    """The secret of the revoked key is in no archive: its row gets one that is known here."""
    with system.client() as client:
        assert client.me()["roles"] == ["admin"]
    row = next(key for key in before.tables["keys"] if key["revoked_at"])
    assert _answer_to(system, row["id"], "revoked_at") == 401
    assert _answer_to(system, row["id"], "NULL") == 200


def _answer_to(system: StackUnderTest, key_id: str, revoked_at: str) -> int:
    key = new_api_key()
    system.query("job_api", f"UPDATE api_keys SET prefix = '{key.prefix}', sha256 = '\\x{key.sha256.hex()}', "
                 f"revoked_at = {revoked_at} WHERE id = '{UUID(key_id)}'")
    with system.client() as client:
        url = f"{client.http.credentials.url}/api/training/me"
    return httpx.get(url, headers={"authorization": f"Bearer {key.secret}"}).status_code


def test_the_dead_letter_is_there_and_can_be_replayed(system: StackUnderTest, before: OldState) -> None:
    """It is no event, so that its consumer refuses it again; from a state past its age it is gone."""
    kept_days = next(stream.max_age_s for stream in STREAMS if stream.name == DEAD_LETTER_STREAM) / 86_400
    with system.client() as client:
        if before.age_days() > kept_days:
            assert client.dead_letters().data == []
            return
        (letter,) = client.dead_letters().data
        assert (letter["sequence"], letter["consumer"], letter["raw"]) == (1, "job_api_costs", "not an event")
        assert client.replay(1)["replayed"] == [1]
        assert [letter["sequence"] for letter in client.dead_letters().data] in ([], [2])


async def test_streams_and_consumers_are_taken_over_without_a_loss(system: StackUnderTest, before: OldState) -> None:
    await asyncio.to_thread(recovered, system, before)
    async with broker_client(_broker_url(system), system.data) as client:
        streams, consumers = await topology_of(client)
        drifts = [drift for spec in CONSUMERS for drift in await consumer_drift(client.jetstream(), spec)]
        moved = await client.jetstream().get_last_msg(
            "EVALUATIONS", f"evaluation.generated.{before.job_ids['finished']}")
    assert drifts == []
    assert set(before.streams) <= set(streams) == {stream.name for stream in STREAMS}
    for name, then in before.streams.items():
        assert streams[name].created == then.created, "made anew"
        assert streams[name].state.last_seq >= then.state.last_seq
    retired = {durable.durable for durable in RETIRED}
    assert retired.isdisjoint(consumers), "nothing waited for them any more"
    for name, then in before.consumers.items():
        if name in retired:
            continue
        assert consumers[name].ack_floor.stream_seq >= before.streams[then.stream_name].state.last_seq \
            or consumers[name].num_pending + consumers[name].num_ack_pending == 0
    for heir in (spec for spec in CONSUMERS if spec.heir_of in before.consumers):
        assert consumers[heir.durable].num_pending + consumers[heir.durable].num_ack_pending == 0
    assert moved.seq, "what lay in TRAINING was moved"


def test_the_event_that_was_on_its_way_arrived(system: StackUnderTest, before: OldState) -> None:
    """`training.progressed` of step 3 was delivered and not acknowledged. Its stream keeps it for two weeks."""
    if before.age_days() > next(stream.max_age_s for stream in STREAMS if stream.name == "TRAINING") / 86_400:
        pytest.skip("the event is past its age")
    assert [name for name, then in before.consumers.items() if then.num_ack_pending] == ["job_api_training"]
    recovered(system, before)
    with system.client() as client:
        events = [event for event in client.all_events(before.job_ids["cut off"]) if event["attempt"] == 1]
    known = {event["event_id"] for event in before.events("cut off")}
    assert "training.progressed" in {event["type"] for event in events if event["id"] not in known}


async def test_pods_have_accounts_of_their_own_and_old_users_are_refused(
    system: StackUnderTest, before: OldState
) -> None:
    await asyncio.to_thread(recovered, system, before)
    keys = {path.stem for path in (system.data / "nats" / "keys").iterdir()}
    assert {"pods_signing", "services_signing"} <= keys
    assert "account_signing" not in keys
    accounts = {path.name for path in (system.data / "nats" / "resolver").iterdir()}
    then = {path.name for path in (before.folder / "nats" / "resolver").iterdir()}
    assert then < accounts, "the services' and the system's account stay, the workspace's pods get one"
    with pytest.raises(nats.errors.Error):
        async with broker_client(_broker_url(system), before.folder, "job_api"):
            pass


def _broker_url(system: StackUnderTest) -> str:
    return f"nats://127.0.0.1:{system.programs()['nats']['port']}"

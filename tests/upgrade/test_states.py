"""An installation of a version before lost its power; the present version comes up over what it left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from stack.parts import PostgresPart
from tests.system.stack_under_test import ROOT, StackUnderTest
from tests.upgrade.archive import STATES, read_messages, unpack
from tests.upgrade.scenario import BUDGET_MICRO_USD, adapter_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in STATES.iterdir())
ENDED = {"finished": "completed", "given up": "cancelled"}


class Upgraded:
    def __init__(self, version: str, system: StackUnderTest, shown: dict[str, Any]) -> None:
        self.version, self.system, self.shown = version, system, shown

    def job_id(self, name: str) -> str:
        return str(self.shown[name]["job"]["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=VERSIONS)
async def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upgraded]:
    folder = tmp_path_factory.mktemp("state") / "data"
    shown = await asyncio.to_thread(unpack, request.param, folder)
    system = StackUnderTest(folder)
    await asyncio.to_thread(_give_a_new_day, system)
    try:
        await asyncio.to_thread(system.up)
        yield Upgraded(request.param, system, shown)
    finally:
        await asyncio.to_thread(system.command, "stack", "down", check=False)


def _give_a_new_day(system: StackUnderTest) -> None:
    """A job may run for a day: one in a state that is older would only be given up."""
    import json

    password = json.loads((system.data / "secrets.json").read_text())["postgres"]
    server = PostgresPart(system.data / "pg", password=password)
    server.start()
    try:
        server.sql("UPDATE jobs SET first_running_at = now() WHERE ended_at IS NULL", "provisioner")
    finally:
        server.stop()


def test_everything_is_ready_and_migrated(upgraded: Upgraded) -> None:
    rows = upgraded.system.programs()
    assert {name for name, row in rows.items() if not row["ready"]} == set()
    for folder in (ROOT / "services").glob("*/migrations/versions"):
        service = folder.parent.parent.name
        newest = max(path.name[:4] for path in folder.glob("0*.py"))
        assert upgraded.system.query(service, "SELECT version_num FROM alembic_version") == [{"version_num": newest}]


@pytest.mark.parametrize("name", ENDED)
def test_an_ended_job_its_log_and_its_bill_are_as_before(upgraded: Upgraded, name: str) -> None:
    with upgraded.system.client() as client:
        now = client.http.json("GET", f"/api/training/jobs/{upgraded.job_id(name)}")
        events = {event["id"]: event for event in client.all_events(upgraded.job_id(name))}
    before = upgraded.shown[name]["job"]
    same = ("status", "name", "actual_cost_micro_usd", "cost_is_final", "cost_estimate_micro_usd", "training_file_id",
            "created_at", "total_steps", "latest_loss", "validation")
    assert before["status"] == ENDED[name]
    assert {field: now[field] for field in same} == {field: before[field] for field in same}
    for event in upgraded.shown[name]["events"]:
        assert (events[event["id"]]["seq"], events[event["id"]]["type"]) == (event["seq"], event["type"])


def test_the_adapter_is_the_same(upgraded: Upgraded) -> None:
    with upgraded.system.client() as client:
        assert adapter_of(client, upgraded.job_id("finished")) == upgraded.shown["finished"]["adapter"]


def test_money_is_what_it_was(upgraded: Upgraded) -> None:
    with upgraded.system.client() as client:
        assert client.budget()["limit_micro_usd"] == BUDGET_MICRO_USD
    settled = {str(row["job_id"]): row["settled_micro_usd"] for row in upgraded.system.query(
        "cost_guard", "SELECT job_id, settled_micro_usd FROM jobs")}
    for name in ENDED:
        assert settled[upgraded.job_id(name)] == upgraded.shown[name]["job"]["actual_cost_micro_usd"]


def test_what_was_cut_off_goes_on_from_its_checkpoint(upgraded: Upgraded) -> None:
    job = upgraded.system.wait_for(upgraded.job_id("cut off"), lambda job: job.has_ended and job.cost_is_final)
    assert (job.status, job.checkpoint_recovery_count) == ("completed", 1), upgraded.system.story(job.id)


def test_what_waited_can_be_started(upgraded: Upgraded) -> None:
    with upgraded.system.client() as client:
        client.start(upgraded.job_id("waiting"))
    upgraded.system.wait_for(upgraded.job_id("waiting"), lambda job: job.status == "completed")


def test_no_message_of_then_became_a_dead_letter(upgraded: Upgraded) -> None:
    """What lay in the streams was taken, or known already; only what had been refused before was."""
    assert len(read_messages(upgraded.version)) > 50
    with upgraded.system.client() as client:
        letters = client.dead_letters().data
    assert [letter["raw"] for letter in letters] in ([], ["not an event"])

"""Every secret of a running stack is replaced under fifty requests a second, while a trainer works: nothing fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.replicas.load import Load
from tests.system.stack_under_test import StackUnderTest

pytestmark = pytest.mark.slow


class AskingLoad(Load):
    """Also what job_api must ask another service about, over the broker."""

    def _ask(self, client: httpx.Client, number: int) -> None:
        if number % 5 == 2:
            self._send(client, "GET", "/budget")
        else:
            super()._ask(client, number)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[StackUnderTest]:
    stack = StackUnderTest(tmp_path / ".data")
    stack.environment["BRIGHTRUN_REQUEST_TIMEOUT_S"] = "20"  # a busy machine is not what is looked at here
    stack.up()
    yield stack
    stack.down()


def secrets_of(system: StackUnderTest) -> dict[str, str]:
    keys = {path.stem: path.read_text() for path in (system.data / "nats" / "keys").glob("*_signing.seed")}
    passwords = json.loads((system.data / "secrets.json").read_text())
    return keys | {f"{kind}/{name}": password for kind in ("databases", "tenants")
                   for name, password in passwords[kind].items()}


def test_no_request_and_no_job_notices_that_secrets_are_replaced(system: StackUnderTest) -> None:
    job = system.start_job()
    system.wait_for(job.id, lambda found: found.status == "training")
    with system.client() as client:
        file_id = str(client.job(job.id).model_dump()["training_file_id"])
    before, load = secrets_of(system), AskingLoad(system, job, file_id)
    with load.running():
        for command in (["rotate-databases"], *(["rotate-broker", key] for key in ("services", "system", "operator"))):
            print(system.command("stack", *command).stdout, flush=True)
            # Whoever begins anew finds what counts now.
            system.command("stack", "restart", "notifier")
        system.command("stack", "rotate-broker", "pods")
    print(f"rotation under load: {load.answers}, {load.created} created", flush=True)
    assert load.failures == []
    assert load.created > 0
    after = secrets_of(system)
    assert [name for name, secret in before.items() if after[name] == secret] == []
    done = system.wait_for(job.id, lambda found: found.status == "completed")
    assert done.checkpoint_recovery_count == 0, "the trainer was interrupted"
    assert "refused" in system.command("stack", "rotate-broker", "pods", "--now").stdout
    system.down()
    system.up()
    assert system.job(job.id).status == "completed"

"""F15: an attempt that was replaced comes back, as a process with everything that it was given. Nothing it does counts.

First the real trainer with its own order and key; then its key alone; then the same words with a key that is good.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client, RawCredentials

from contracts import events
from contracts.envelope import AttemptEventData, new_event
from contracts.rpc import pods as rpc
from tests.system import history
from tests.system.stack_under_test import ROOT, StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("end_to_end")]

_FAR = 9_999  # a step that the job never reaches


def test_what_a_replaced_attempt_does_does_not_count(system: StackUnderTest, tmp_path: Path) -> None:
    job = system.start_job(preset="balanced", hyperparameters={"num_epochs": 12})
    system.wait_for(job.id, lambda found: (found.current_step or 0) >= 3, timeout_s=400)
    machine = system.trainers(job.id)  # the trainer, and the process above it
    given = machine[0].environ()
    for process in machine:
        with suppress(ProcessLookupError):  # either ends with the other
            os.kill(process.pid, signal.SIGKILL)
    system.wait_for(job.id, lambda found: found.status == "training" and found.checkpoint_recovery_count == 1,
                    timeout_s=400)
    alive = system.trainers(job.id)[0].environ()

    zombie = comes_back(given, tmp_path)
    assert zombie.returncode in (64, 75), zombie.stderr  # told to stop, or shut out until its lease ran out
    asyncio.run(is_shut_out(given))
    asyncio.run(speaks_with_a_good_key(alive))

    done = system.wait_for(job.id, lambda found: found.status == "completed", timeout_s=400)
    assert done.current_step == done.total_steps < _FAR
    assert history.check(system, job.id)["attempts"] == 2
    with system.client() as client:
        of_the_first = [event["type"] for event in client.all_events(job.id) if event["attempt"] == 1]
    assert "training.completed" not in of_the_first
    assert of_the_first.count("pod.interrupted") == 1
    written = [path for path in (system.data / "s3" / "model-artifacts").rglob("*") if f"/{job.id}/a1/" in str(path)]
    assert written == [], "the delivery is the second attempt's"


def comes_back(given: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    spec = json.loads(given["BRIGHTRUN_POD_SPEC"]) | {"lease_s": 20.0}
    environment = given | {"BRIGHTRUN_POD_SPEC": json.dumps(spec), "BRIGHTRUN_WORK_DIR": str(folder / "zombie")}
    return subprocess.run([sys.executable, "-m", "trainer_image"], env=environment, cwd=ROOT, text=True,
                          capture_output=True, timeout=400)


async def is_shut_out(given: dict[str, str]) -> None:
    for _ in range(150):  # the revocation follows the end by seconds
        with suppress(nats.errors.Error):
            await (await connected(given)).close()
            await asyncio.sleep(0.2)
            continue
        break
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await connected(given)


async def connected(environment: dict[str, str]) -> Client:
    spec = json.loads(environment["BRIGHTRUN_POD_SPEC"])
    return await nats.connect(
        spec["nats_url"], user_credentials=RawCredentials(environment["BRIGHTRUN_NATS_CREDENTIALS"]),
        inbox_prefix=f"_INBOX_{spec['job_id']}", allow_reconnect=False)


async def speaks_with_a_good_key(alive: dict[str, str]) -> None:
    """The second attempt's key is good for the job's subjects: what is left is the number of the attempt."""
    client, spec, now = await connected(alive), json.loads(alive["BRIGHTRUN_POD_SPEC"]), datetime.now(UTC)
    job_id = spec["job_id"]
    about = {"job_id": job_id, "workspace_id": spec["workspace_id"], "attempt": 1, "sequence": 1_000}
    words: list[AttemptEventData] = [
        events.TrainingProgressed(**about, step=_FAR, total_steps=_FAR, epoch=9.0, loss=0.001, learning_rate=1e-4),
        events.MetricsReported(**about, steps=(_FAR,), times=(now.timestamp(),), values={"loss": (0.001,)}),
        events.TrainingFailed(**about, error_type="unknown", message="I say so", suggested_fix="", retryable=False,
                              failed_at=now),
        events.PodInterrupted(**about, pod_name="zombie", detected_by="sigterm", reason="again", interrupted_at=now),
    ]
    for data in words:
        event = new_event(data, source="/zombie")
        await client.jetstream(timeout=30).publish(event.subject, event.to_bytes())
    beat = rpc.HeartbeatReply.model_validate_json(await answer(
        client, rpc.HEARTBEAT.subject(job_id), rpc.Heartbeat(attempt=1, sent_at=now)))
    assert beat.directive == "stop"
    for area in ("checkpoints", "artifacts"):
        wanted = rpc.SignUrls(attempt=1, objects=(rpc.ObjectRequest(method="PUT", area=area, key="a1/x"),))
        refused = json.loads(await answer(client, rpc.SIGN_URLS.subject(job_id), wanted))
        assert refused["code"] == "attempt_superseded"
    await client.close()


async def answer(client: Client, subject: str, request: Any) -> bytes:
    return bytes((await client.request(subject, request.model_dump_json().encode(), timeout=60)).data)

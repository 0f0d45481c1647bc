"""One-shot jobs beside servers that come later: they wait, say what for, and end with a code that can be told."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.waiting import EXIT_NOT_THERE, NotThereYet, until_there
from stack.parts import NatsPart, Part, PostgresPart, S3Part, free_port

ROOT = Path(__file__).resolve().parents[2]
StartPart = Callable[[Part], Part]


async def test_it_tries_until_it_works_and_says_each_reason_once(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = ["no server", "no server", "no database"]

    async def step() -> str:
        if reasons:
            raise NotThereYet(reasons.pop(0))
        return "done"

    assert await until_there(step, 10) == "done"
    assert capsys.readouterr().out.splitlines() == ["waiting: no server", "waiting: no database"]


async def test_without_time_to_wait_it_tries_once() -> None:
    tries = 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        raise NotThereYet("no server")

    with pytest.raises(NotThereYet, match="no server"):
        await until_there(step, 0)
    assert tries == 1


@pytest.mark.slow
async def test_migrations_wait_for_the_server_and_for_the_database(start_part: StartPart, tmp_path: Path) -> None:
    part = PostgresPart(tmp_path / "pg", durable=False)
    url = {"BRIGHTRUN_DATABASE_URL": part.url("late")}
    job = await _job("chassis.migrate", "services.notifier", "--wait", "60", **url)
    await asyncio.to_thread(start_part, part)
    await _says(job, "does not exist")
    part.create_database("late")
    code, said = await _end(job)
    assert code == 0, said
    assert "services.notifier: database is up to date" in said
    code, said = await _end(await _job("chassis.migrate", "services.notifier", "--wait", "5", **url))
    assert (code, said) == (0, "services.notifier: database is up to date\n")


@pytest.mark.slow
async def test_who_only_looks_waits_for_who_migrates(new_empty_database: Callable[[], str]) -> None:
    url = {"BRIGHTRUN_DATABASE_URL": new_empty_database()}
    code, said = await _end(await _job("chassis.migrate", "services.notifier", "--check", **url))
    assert code == EXIT_NOT_THERE
    assert "the schema is at nothing" in said
    watcher = await _job("chassis.migrate", "services.notifier", "--check", "--wait", "60", **url)
    assert (await _end(await _job("chassis.migrate", "services.notifier", **url)))[0] == 0
    assert (await _end(watcher))[0] == 0


async def test_a_database_that_never_comes_is_told_without_its_password() -> None:
    url = f"postgresql+asyncpg://notifier:very-secret@127.0.0.1:{free_port()}/notifier"
    code, said = await _end(await _job("chassis.migrate", "services.notifier", BRIGHTRUN_DATABASE_URL=url))
    assert code == EXIT_NOT_THERE
    assert said.startswith("Given up: services.notifier: postgresql+asyncpg://notifier:***@127.0.0.1")
    assert "very-secret" not in said
    assert "Traceback" not in said


@pytest.mark.slow
async def test_streams_wait_for_the_broker(start_part: StartPart, tmp_path: Path) -> None:
    part = NatsPart(tmp_path / "nats", durable=False)
    job = await _job("chassis.topology", "--wait", "60", BRIGHTRUN_NATS_URL=part.url)
    await asyncio.sleep(1)
    await asyncio.to_thread(start_part, part)
    code, said = await _end(job)
    assert code == 0, said
    assert "applied: stream JOBS is missing" in said
    code, said = await _end(await _job("chassis.topology", BRIGHTRUN_NATS_URL=part.url))
    assert code == 0
    assert "applied" not in said


async def test_a_broker_that_never_comes_is_told() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    code, said = await _end(await _job("chassis.topology", "--wait", "0.5", BRIGHTRUN_NATS_URL=url))
    assert code == EXIT_NOT_THERE
    assert "Given up after 0.5 s: NATS does not answer at BRIGHTRUN_NATS_URL" in said
    assert "Traceback" not in said


@pytest.mark.slow
async def test_buckets_wait_for_the_storage_and_are_made_once(start_part: StartPart, tmp_path: Path) -> None:
    part = S3Part(tmp_path / "s3")
    keys = {"BRIGHTRUN_S3_ENDPOINT": part.endpoint, "BRIGHTRUN_S3_ACCESS_KEY": part.access_key,
            "BRIGHTRUN_S3_SECRET_KEY": part.secret_key}
    job = await _job("chassis.buckets", "--wait", "60", **keys)
    await asyncio.to_thread(start_part, part)
    code, said = await _end(job)
    assert code == 0, said
    assert "model-artifacts: made" in said
    code, said = await _end(await _job("chassis.buckets", **keys))
    assert (code, said) == (0, "training-files: is there\ntraining-checkpoints: is there\nmodel-artifacts: is there\n")
    code, said = await _end(await _job("chassis.buckets", **keys | {"BRIGHTRUN_S3_SECRET_KEY": "not-the-secret-key"}))
    assert code == 1
    assert "refuses to make the bucket training-files: HTTP 403" in said


async def _job(module: str, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)


async def _says(job: asyncio.subprocess.Process, words: str) -> None:
    """Reads on until it says these words. Raises AssertionError when it ends before."""
    assert job.stdout is not None
    async for line in job.stdout:
        if words in line.decode():
            return
    raise AssertionError(f"it ended and never said {words!r}")


async def _end(job: asyncio.subprocess.Process) -> tuple[int | None, str]:
    out, _ = await job.communicate()
    return job.returncode, out.decode()

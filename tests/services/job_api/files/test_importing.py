"""Imports run in processes of their own: what happens when one dies, hangs, grows, or is no longer wanted."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from starlette.requests import ClientDisconnect

from services.job_api.errors import DomainError
from services.job_api.files.errors import ReadingBusy
from services.job_api.files.processes.messages import ImportOrder
from services.job_api.files.processes.pool import PoolLimits
from services.job_api.files.processes.tasks import import_file
from services.job_api.files.reader import FileReader
from services.job_api.files.receive import Received, while_connected
from services.job_api.problem_table import problem_of
from services.job_api.settings import Settings
from tests.services.job_api.conftest import served
from tests.services.job_api.waiting import eventually

EXAMPLES = Path(__file__).parents[4] / "examples"
LINE = b'{"messages":[{"role":"user","content":"Hi?"},{"role":"assistant","content":"Hello."}]}\n'


async def never() -> None:
    await asyncio.Event().wait()


def upload_of(folder: Path, content: bytes | None = LINE, gone=never) -> Received:
    """An upload that has arrived; without content it is a pipe that nobody writes to: reading it takes for ever."""
    folder.mkdir(exist_ok=True)
    path = folder / "original"
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    return Received(folder, path, len(content or b""), "talks.jsonl", "talks", "", gone)


def worker_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "services.job_api.files.processes.process" in child.cmdline():
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


async def running(count: int) -> list[psutil.Process]:
    """The worker processes, once there are so many. Those that were killed have been waited for: none is late."""
    if count:
        await eventually(lambda: len(worker_processes()) == count, 10)
    found = worker_processes()
    assert len(found) == count
    return found


@pytest_asyncio.fixture
async def importer(tmp_path) -> AsyncIterator[FileReader]:
    """Reads one file at a time, lets one wait; a process stands ready after the first file."""
    made = FileReader("none", PoolLimits(at_once=1, waiting=1))
    task = asyncio.create_task(made.run())
    await made.read(upload_of(tmp_path / "first"))
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await running(0)


async def code_of(reading) -> str:
    with pytest.raises(DomainError) as caught:
        await reading
    problem = problem_of(caught.value)
    assert problem.suggested_fix
    return problem.code


async def test_a_file_is_read_by_the_process_that_stands_ready(importer, tmp_path):
    [ready] = worker_processes()
    for n in range(3):
        imported = await importer.read(upload_of(tmp_path / str(n), LINE))
        assert (imported.report.records, imported.report.can_train) == (1, True)
        assert json.loads(imported.path.read_bytes())["number"] == 1
    assert [process.pid for process in worker_processes()] == [ready.pid]
    assert ready.nice() == min(19, os.nice(0) + 10)


async def test_what_it_answers_is_what_reading_in_this_process_gives(importer, tmp_path):
    imported = await importer.read(upload_of(tmp_path / "a", (EXAMPLES / "sample.json").read_bytes()))
    order = ImportOrder(
        source=EXAMPLES / "sample.json", target=tmp_path / "b", file_name="talks.jsonl", max_records=1000)
    here = import_file(order, "none")
    assert (imported.report, imported.sha256) == (here.report, here.sha256)
    assert imported.path.read_bytes() == (tmp_path / "b").read_bytes()


async def test_the_process_knows_no_secrets_of_the_service(importer, monkeypatch, tmp_path):
    monkeypatch.setenv("BRIGHTRUN_S3_SECRET_KEY", "a secret")
    [ready] = worker_processes()
    ready.kill()
    await eventually(lambda: not importer.imports._ready[0].alive, 10)
    await importer.read(upload_of(tmp_path / "a"))
    [started] = worker_processes()
    assert "BRIGHTRUN_S3_SECRET_KEY" not in started.environ()
    assert "PATH" in started.environ()


async def test_a_process_that_dies_is_an_error_and_the_next_file_is_read(importer, tmp_path):
    reading = asyncio.create_task(importer.read(upload_of(tmp_path / "a", None)))
    await asyncio.sleep(0.1)
    worker_processes()[0].kill()
    assert await code_of(reading) == "reading_failed"
    assert (await importer.read(upload_of(tmp_path / "b"))).report.records == 1


async def test_an_import_that_takes_too_long_is_killed(tmp_path):
    importer = FileReader("none", PoolLimits(time_s=0.5))
    assert await code_of(importer.read(upload_of(tmp_path / "a", None))) == "reading_too_slow"
    await running(0)


async def test_a_cancelled_import_is_killed(importer, tmp_path):
    reading = asyncio.create_task(importer.read(upload_of(tmp_path / "a", None)))
    await asyncio.sleep(0.1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert reading.cancelled()
    await running(0)


async def test_an_import_ends_when_its_caller_goes_away(importer, tmp_path):
    gone = asyncio.Event()
    upload = upload_of(tmp_path / "a", None, gone.wait)
    reading = asyncio.create_task(while_connected(upload, importer.read(upload)))
    await asyncio.sleep(0.1)
    gone.set()
    with pytest.raises(ClientDisconnect):
        await reading
    await running(0)


async def test_only_so_many_are_read_and_wait_at_once(importer, tmp_path):
    first, second = (asyncio.create_task(importer.read(upload_of(tmp_path / name, None))) for name in "ab")
    await asyncio.sleep(0.1)
    assert await code_of(importer.read(upload_of(tmp_path / "c"))) == "reading_busy"
    with pytest.raises(ReadingBusy):
        importer.imports.refuse_if_full()
    assert len(worker_processes()) == 1
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(importer.read(upload_of(tmp_path / "d")))
    (tmp_path / "a" / "original").write_bytes(LINE)
    assert (await first).report.records == (await third).report.records == 1


async def test_waiting_for_a_turn_has_an_end(tmp_path):
    importer = FileReader("none", PoolLimits(at_once=1, wait_s=0.2))
    first = asyncio.create_task(importer.read(upload_of(tmp_path / "a", None)))
    await asyncio.sleep(0.1)
    assert await code_of(importer.read(upload_of(tmp_path / "b"))) == "reading_busy"
    assert problem_of(ReadingBusy()).headers == {"x-should-retry": "true", "retry-after": "10"}
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await running(0)


async def test_a_file_that_needs_too_much_memory_is_refused(tmp_path):
    importer = FileReader("none", PoolLimits(memory_mb=100))
    content = b'{"messages": [' + b"[]," * 1_500_000 + b"1]}"
    assert await code_of(importer.read(upload_of(tmp_path / "a", content))) == "TF014_too_much_memory"
    await importer.imports.stop()
    await running(0)


async def test_the_process_ends_with_its_parent_even_when_that_is_killed(tmp_path):
    path = upload_of(tmp_path / "a", None).path
    script = f"""
import asyncio
from pathlib import Path
from services.job_api.files.processes.messages import ImportOrder
from services.job_api.files.processes.worker import Worker

async def main():
    worker = await Worker.start("none", 1024)
    print(worker._process.pid, flush=True)
    path = Path({str(path)!r})
    await worker.ask(ImportOrder(source=path, target=path.with_name("x"), file_name="x", max_records=9))

asyncio.run(main())
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    worker = psutil.Process(int(await parent.stdout.readline()))

    async def limited() -> bool:
        return worker.nice() == min(19, os.nice(0) + 10)

    await eventually(limited)
    parent.kill()
    await parent.wait()

    async def ended() -> bool:
        return not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE

    await eventually(ended)


async def test_a_process_whose_parent_was_gone_before_it_could_say_so_ends_at_once():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.job_api.files.processes.process", "none", "1024", "1",
        stdin=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    assert await asyncio.wait_for(process.wait(), 60) == 1


async def stop_the_ready_process(uploads) -> psutil.Process:
    """Stopped, it takes an order and never answers."""
    await uploads.text(LINE, to="/files/validate")
    [process] = await running(1)
    process.send_signal(signal.SIGSTOP)
    return process


def request_of(api, body: bytes = LINE) -> bytes:
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + body + b"\r\n--B--\r\n"
    key = api.credentials["api_key"]
    return (f"POST /api/training/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(form)}\r\n\r\n").encode() + form


async def test_a_caller_that_hangs_up_frees_the_process(alone, uploads):
    stopped = await stop_the_ready_process(uploads)
    url = httpx.URL(alone.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request_of(alone))
    await writer.drain()
    importer: FileReader = alone.app.state.dependencies.files

    async def taken() -> bool:
        return importer.imports._ready == []

    await eventually(taken, 10)
    assert stopped.is_running()
    writer.close()

    async def ended() -> bool:
        return not stopped.is_running()

    await eventually(ended, 10)
    assert (await alone.client.get("/files")).json()["data"] == []
    response = await alone.client.post("/files", files={"file": ("a.jsonl", LINE)})
    assert response.status_code == 201


async def test_stopping_the_service_stops_its_imports(alone, settings_for):
    async with served(Settings(**settings_for("job_api", database_url=alone.database.url))) as app:
        url = f"http://127.0.0.1:{app.state.dependencies.settings.http_port}/api/training/files"
        headers = {"authorization": f"Bearer {alone.credentials['api_key']}"}
        async with httpx.AsyncClient(timeout=30, headers=headers) as client:
            await client.post(url, files={"file": ("a.jsonl", LINE)})
            [process] = await running(1)
            process.send_signal(signal.SIGSTOP)
            sending = asyncio.create_task(client.post(url, files={"file": ("a.jsonl", LINE)}))

            async def taken() -> bool:
                return app.state.dependencies.files.imports._ready == []

            await eventually(taken, 10)
            app.state.runtime.begin_drain()
    await running(0)
    await asyncio.gather(sending, return_exceptions=True)


async def test_previews_have_a_process_of_their_own(alone, uploads):
    file = await uploads.example("sample-chat.jsonl")
    stopped = await stop_the_ready_process(uploads)
    shown = (await alone.client.get(f"/files/{file['id']}/preview")).json()
    assert len(shown["conversations"]) == 3
    assert len(worker_processes()) == 2
    stopped.kill()


async def test_a_preview_that_cannot_be_made_is_an_error(alone, uploads):
    file = await uploads.example("sample-chat.jsonl")
    path = f"/files/{file['id']}/preview"
    await alone.client.get(path)
    alone.app.state.dependencies.files.previews._ready[0]._process.send_signal(signal.SIGSTOP)
    asking = asyncio.create_task(alone.client.get(path))
    await eventually(lambda: alone.app.state.dependencies.files.previews._ready == [], 10)
    for process in worker_processes():
        process.kill()
    response = await asking
    assert (response.status_code, response.json()["code"]) == (503, "reading_failed")
    assert len((await alone.client.get(path)).json()["conversations"]) == 3


async def test_an_upload_that_cannot_be_read_soon_is_refused_before_it_is_kept(alone, uploads):
    pool = alone.app.state.dependencies.files.imports
    limits = pool._limits
    for _ in range(limits.at_once):
        await pool._turns.acquire()
    pool._waiting = limits.waiting
    response = await uploads.text(LINE * 100_000)
    assert (response.status_code, response.json()["code"]) == (503, "reading_busy")
    assert (response.headers["retry-after"], response.headers["x-should-retry"]) == ("10", "true")
    assert worker_processes() == []
    pool._waiting = 0
    for _ in range(limits.at_once):
        pool._turns.release()
    assert (await uploads.text(LINE)).status_code == 201

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

from chassis.problems import ProblemError
from services.job_api.files import problems
from services.job_api.files.import_messages import Done, Order
from services.job_api.files.import_process import import_file
from services.job_api.files.importing import Importer, ImportLimits
from services.job_api.files.receive import Received, while_connected
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


def import_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "services.job_api.files.import_process" in child.cmdline():
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


async def running(count: int) -> list[psutil.Process]:
    async def there() -> list[psutil.Process] | None:
        found = import_processes()
        return found if len(found) == count else None

    return await eventually(there, 10) if count else found_none()


def found_none() -> list[psutil.Process]:
    assert import_processes() == []
    return []


@pytest_asyncio.fixture
async def importer() -> AsyncIterator[Importer]:
    """Reads one file at a time, lets one wait."""
    made = Importer("none", ImportLimits(at_once=1, waiting=1))
    task = asyncio.create_task(made.run())
    await running(1)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await running(0)


async def code_of(reading) -> str:
    with pytest.raises(ProblemError) as caught:
        await reading
    assert caught.value.suggested_fix
    return caught.value.code


async def test_a_file_is_read_by_the_process_that_stands_ready(importer, tmp_path):
    [ready] = import_processes()
    for n in range(3):
        imported = await importer.read(upload_of(tmp_path / str(n), LINE))
        assert (imported.report.records, imported.report.can_train) == (1, True)
        assert json.loads(imported.path.read_bytes())["number"] == 1
    assert [process.pid for process in import_processes()] == [ready.pid]
    assert ready.nice() == 10


async def test_what_it_answers_is_what_reading_in_this_process_gives(importer, tmp_path):
    imported = await importer.read(upload_of(tmp_path / "a", (EXAMPLES / "sample.json").read_bytes()))
    order = Order(source=EXAMPLES / "sample.json", target=tmp_path / "b", file_name="talks.jsonl", max_records=1000)
    here = import_file(order, "none", 1)
    assert isinstance(here, Done)
    assert (imported.report, imported.sha256) == (here.report, here.sha256)
    assert imported.path.read_bytes() == (tmp_path / "b").read_bytes()


async def test_the_process_knows_no_secrets_of_the_service(importer, monkeypatch, tmp_path):
    monkeypatch.setenv("BRIGHTRUN_S3_SECRET_KEY", "a secret")
    [ready] = import_processes()
    ready.kill()
    await eventually(lambda: not importer._ready[0].alive, 10)
    await importer.read(upload_of(tmp_path / "a"))
    [started] = import_processes()
    assert "BRIGHTRUN_S3_SECRET_KEY" not in started.environ()
    assert "PATH" in started.environ()


async def test_a_process_that_dies_is_an_error_and_the_next_file_is_read(importer, tmp_path):
    reading = asyncio.create_task(importer.read(upload_of(tmp_path / "a", None)))
    await asyncio.sleep(0.1)
    import_processes()[0].kill()
    assert await code_of(reading) == "import_failed"
    assert (await importer.read(upload_of(tmp_path / "b"))).report.records == 1


async def test_an_import_that_takes_too_long_is_killed(tmp_path):
    importer = Importer("none", ImportLimits(time_s=0.5))
    assert await code_of(importer.read(upload_of(tmp_path / "a", None))) == "import_too_slow"
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
    assert await code_of(importer.read(upload_of(tmp_path / "c"))) == "imports_busy"
    with pytest.raises(ProblemError):
        importer.refuse_if_full()
    assert len(import_processes()) == 1
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(importer.read(upload_of(tmp_path / "d")))
    (tmp_path / "a" / "original").write_bytes(LINE)
    assert (await first).report.records == (await third).report.records == 1


async def test_waiting_for_a_turn_has_an_end(tmp_path):
    importer = Importer("none", ImportLimits(at_once=1, wait_s=0.2))
    first = asyncio.create_task(importer.read(upload_of(tmp_path / "a", None)))
    await asyncio.sleep(0.1)
    assert await code_of(importer.read(upload_of(tmp_path / "b"))) == "imports_busy"
    assert problems.imports_busy().headers == {"x-should-retry": "true", "retry-after": "10"}
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_a_file_that_needs_too_much_memory_is_refused(tmp_path):
    importer = Importer("none", ImportLimits(memory_mb=512))
    content = b'{"messages": [' + b"[]," * 8_000_000 + b"1]}"
    assert await code_of(importer.read(upload_of(tmp_path / "a", content))) == "TF014_too_much_memory"
    await running(0)


async def test_the_process_ends_with_its_parent_even_when_that_is_killed(tmp_path):
    path = upload_of(tmp_path / "a", None).path
    script = f"""
import asyncio
from pathlib import Path
from services.job_api.files.import_messages import Order
from services.job_api.files.import_worker import ImportWorker

async def main():
    worker = await ImportWorker.start("none", 1024)
    print(worker._process.pid, flush=True)
    await worker.ask(Order(source=Path({str(path)!r}), target=Path({str(path)!r} + "x"), file_name="x", max_records=9))

asyncio.run(main())
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    worker = psutil.Process(int(await parent.stdout.readline()))

    async def limited() -> bool:
        return worker.nice() == 10

    await eventually(limited, 10)
    parent.kill()
    await parent.wait()

    async def ended() -> bool:
        return not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE

    await eventually(ended, 10)


async def stop_the_ready_process() -> psutil.Process:
    """Stopped, it takes an order and never answers."""
    [process] = await running(1)
    process.send_signal(signal.SIGSTOP)
    return process


def request_of(api, body: bytes = LINE) -> bytes:
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + body + b"\r\n--B--\r\n"
    key = api.credentials["api_key"]
    return (f"POST /api/training/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(form)}\r\n\r\n").encode() + form


async def test_a_caller_that_hangs_up_frees_the_process(alone):
    stopped = await stop_the_ready_process()
    url = httpx.URL(alone.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request_of(alone))
    await writer.drain()
    importer: Importer = alone.app.state.parts.imports

    async def taken() -> bool:
        return importer._ready == []

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
        [*_, process] = await running(2)
        process.send_signal(signal.SIGSTOP)
        url = f"http://127.0.0.1:{app.state.parts.settings.http_port}/api/training/files"
        headers = {"authorization": f"Bearer {alone.credentials['api_key']}"}
        async with httpx.AsyncClient(timeout=30, headers=headers) as client:
            sending = asyncio.create_task(client.post(url, files={"file": ("a.jsonl", LINE)}))

            async def taken() -> bool:
                return app.state.parts.imports._ready == []

            await eventually(taken, 10)
            app.state.runtime.begin_drain()
    assert len(import_processes()) == 1
    await asyncio.gather(sending, return_exceptions=True)

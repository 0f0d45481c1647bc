"""Uploads a training file of 200 MB and measures what other callers notice: `python -m benchmarks.import_file`.

The file has the real shape (`examples.generate`); the command line uploads it to a running stack, while another client
asks for a job and for the presets at fixed moments (open loop: waiting counts). `read_s` is the import process alone,
without the network and the object store; `import_memory_mb` the most memory it had.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.job_api import ROOT, percentile
from brightrun.credentials import Credentials
from contracts.training_file.importer import MAX_RECORDS
from examples.generate import main as generate
from services.job_api.files.processes.messages import ImportDone, ImportOrder
from services.job_api.files.processes.worker import Worker
from tests.system.stack_under_test import SAMPLE, StackUnderTest

CONVERSATIONS, RECORDS = 7_850, 50_800  # 199 MB
RATE, QUIET_S = 50, 10  # requests/s, s


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="another file instead of the generated one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or generated(Path(folder) / "load.json")
        system = StackUnderTest(Path(folder) / ".data")
        system.up()
        try:
            figures = {"import_size_mb": path.stat().st_size / 1e6} | asyncio.run(measure(system, path, Path(folder)))
        finally:
            system.down()
    for name, value in figures.items():
        print(f"{name:28} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def generated(path: Path) -> Path:
    generate(["--out", str(path), "--conversations", str(CONVERSATIONS), "--records", str(RECORDS)])
    return path


async def measure(system: StackUnderTest, path: Path, folder: Path) -> dict[str, float]:
    with system.client() as client:
        job = client.create_job(client.upload(SAMPLE).id, name="beside")
        credentials = client.credentials
        base_model = client.upload(SAMPLE).report["tokenizer"] or "none"
    quiet = await latencies(credentials, job.id, asyncio.sleep(QUIET_S))
    begin = time.perf_counter()
    upload = asyncio.create_task(uploaded(credentials, system, path))
    beside = await latencies(credentials, job.id, asyncio.shield(upload))
    upload_s = time.perf_counter() - begin
    await upload
    read_s, memory_mb = await read_alone(path, folder, base_model)
    return {
        "import_upload_s": upload_s,
        "import_read_s": read_s,
        "import_memory_mb": memory_mb,
        "quiet_p99_ms": percentile(quiet, 99),
        "beside_import_p50_ms": percentile(beside, 50),
        "beside_import_p99_ms": percentile(beside, 99),
        "beside_import_longest_ms": max(beside),
    }


async def uploaded(credentials: Credentials, system: StackUnderTest, path: Path) -> None:
    """By the command line, in a process of its own."""
    environment = system.environment | {"BRIGHTRUN_URL": credentials.url, "BRIGHTRUN_API_KEY": credentials.api_key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "brightrun", "files", "upload", str(path), env=environment
    )
    if await process.wait() != 0:
        raise RuntimeError("the upload failed")


async def latencies(credentials: Credentials, job_id: str, until: Any) -> list[float]:
    """Milliseconds from the moment a request was due to its answer, for as long as `until` lasts."""
    found: list[float] = []
    headers = {"Authorization": f"Bearer {credentials.api_key}"}
    client = httpx.AsyncClient(base_url=credentials.url, headers=headers, timeout=30)
    async with client as http, asyncio.TaskGroup() as asking:

        async def ask(path: str, due: float) -> None:
            (await http.get(ROOT + path)).raise_for_status()
            found.append((time.perf_counter() - due) * 1000)

        async def ask_on() -> None:
            begin, number = time.perf_counter(), 0
            while True:
                due = begin + number / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                asking.create_task(ask(("/presets", f"/jobs/{job_id}")[number % 2], due))
                number += 1

        task = asyncio.create_task(ask_on())
        await until
        task.cancel()
    return found


async def read_alone(path: Path, folder: Path, base_model: str) -> tuple[float, float]:
    """Seconds and megabytes of the import process."""
    worker = await Worker.start(base_model, 2048)
    target = folder / "conversations.jsonl"
    await worker.ask(ImportOrder(source=SAMPLE, target=target, file_name="warm", max_records=MAX_RECORDS))
    begin = time.perf_counter()
    answer = await worker.ask(ImportOrder(source=path, target=target, file_name=path.name, max_records=MAX_RECORDS))
    elapsed = time.perf_counter() - begin
    await worker.kill()
    assert isinstance(answer, ImportDone)
    return elapsed, answer.peak_memory_mb


if __name__ == "__main__":
    main()

"""No upload's folder outlives its process for long."""

import asyncio
import os
import signal
import subprocess
import sys

from services.job_api.files import spool
from services.job_api.files.processes.pool import PoolLimits
from services.job_api.files.reader import FileReader
from tests.services.job_api.waiting import eventually


async def test_a_folder_goes_with_its_block(monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with spool.upload_folder() as folder:
        (folder / "original").write_bytes(b"x")
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o077 == 0
        assert spool.sweep(older_than_s=0) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(monkeypatch, tmp_path):
    script = """
import asyncio
from services.job_api.files.spool import upload_folder

async def main():
    async with upload_folder() as folder:
        (folder / "original").write_bytes(b"x")
        print(folder, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setattr(spool, "gettempdir", lambda: str(tmp_path))
    assert (spool.sweep(older_than_s=0), len(list(tmp_path.iterdir()))) == (0, 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert spool.sweep(older_than_s=3600) == 0
    assert (spool.sweep(older_than_s=0), list(tmp_path.iterdir())) == (1, [])


def test_other_things_in_the_temporary_folder_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "brightrun-upload-file").write_text("not a folder")
    (tmp_path / "brightrun-upload-link").symlink_to(tmp_path)
    (tmp_path / "other").mkdir()
    assert spool.sweep(older_than_s=0) == 0
    assert len(list(tmp_path.iterdir())) == 3


async def test_the_next_process_removes_them_when_it_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "brightrun-upload-left").mkdir()
    os.utime(tmp_path / "brightrun-upload-left", (0, 0))
    running = asyncio.create_task(FileReader("none", PoolLimits()).run())
    await eventually(lambda: list(tmp_path.iterdir()) == [], 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

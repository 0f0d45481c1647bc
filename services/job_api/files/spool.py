"""Folders for uploads on their way in. Whatever kills the service, none stays behind for longer than its successor."""

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp

_PREFIX = "brightrun-upload-"
# Between making a folder and locking it another process must not take it for an orphan.
_YOUNG_S = 60.0


@asynccontextmanager
async def upload_folder() -> AsyncIterator[Path]:
    """A folder that is locked, and removed afterwards. The lock ends with the process, even with kill -9."""
    folder = Path(mkdtemp(prefix=_PREFIX))
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        # In a thread: freeing 200 MB on a disk takes as long as many requests.
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.close(handle)


def sweep(older_than_s: float = _YOUNG_S) -> int:
    """Remove the folders of processes that are gone. Returns how many."""
    return sum(_remove_orphan(folder, older_than_s) for folder in Path(gettempdir()).glob(f"{_PREFIX}*"))


def _remove_orphan(folder: Path, older_than_s: float) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # gone meanwhile, or another user's
        return False
    try:
        if time.time() - os.fstat(handle).st_mtime < older_than_s:
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    except BlockingIOError:  # its process lives
        return False
    finally:
        os.close(handle)

"""The pod's own disk: whether something fits, and what can go."""

import errno
import os
import shutil
from pathlib import Path

# The journal of events lies on the same disk and must go on.
_RESERVE_BYTES = 64 * 1024**2
_FULL = (errno.ENOSPC, errno.EDQUOT)


def has_room(folder: Path, needed: int) -> bool:
    return shutil.disk_usage(folder).free >= needed + _RESERVE_BYTES


def require_room(folder: Path, needed: int) -> None:
    """Raises OSError (no space left) before anything is written, so that a file too many does not fill the disk."""
    if not has_room(folder, needed):
        free = shutil.disk_usage(folder).free
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB "
                      "free)")


def is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL

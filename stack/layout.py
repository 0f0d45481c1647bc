"""Where everything of one stack lies: below one folder, `.data` unless BRIGHTRUN_DATA_DIR says otherwise.

The state of a stack with a fake provider lies apart, and all may run side by side.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from contracts.local_base_model import SHIPPED_BASE_MODEL
from stack.parts.postgres import unprivileged_account
from stack.private_files import private_folder
from stack.provider import wanted_fake

ROOT = Path(__file__).resolve().parents[1]
# AF_UNIX paths end at 107 bytes, and the supervisor first makes its socket under this name with its pid behind
LONGEST_SOCKET_PATH = 107 - len(".4194304")


@dataclass(frozen=True)
class Layout:
    data: Path

    @classmethod
    def from_environment(cls) -> Layout:
        usual = ROOT / (f".data-{fake}" if (fake := wanted_fake()) else ".data")
        return cls(Path(os.environ.get("BRIGHTRUN_DATA_DIR") or usual).resolve())

    @property
    def state_file(self) -> Path:
        return self.data / "stack.json"

    @property
    def secrets_file(self) -> Path:
        return self.data / "secrets.json"

    @property
    def credentials_file(self) -> Path:
        return self.data / "credentials.json"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def supervisor(self) -> Path:
        return self.data / "supervisor"

    @property
    def lock(self) -> Path:
        # Named by the first release: an older stack that still runs in this folder holds it.
        return self.supervisor / "guard.lock"

    @property
    def supervisor_pid(self) -> Path:
        return self.supervisor / "supervisord.pid"

    @property
    def socket(self) -> Path:
        """The supervisor's socket; a folder whose path is too long for one keeps it in the temporary folder."""
        path = self.supervisor / "supervisor.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        return Path(f"/tmp/brightrun-{os.getuid()}-{self._fingerprint()}") / "supervisor.sock"  # noqa: S108

    @property
    def pods(self) -> Path:
        return self.data / "pods"

    @property
    def runpod(self) -> Path:
        """Of the fake RunPod, where one is part of the stack."""
        return self.data / "runpod"

    @property
    def kubernetes(self) -> Path:
        """Of the fake cluster, where one is part of the stack."""
        return self.data / "kubernetes"

    @property
    def model_cache(self) -> Path:
        return self.data / "models"

    @property
    def base_model(self) -> Path:
        """The one that comes with the repository."""
        return SHIPPED_BASE_MODEL

    def make_folders(self) -> None:
        """For their owner alone. Root's PostgreSQL runs as another user, whose group may walk through the first."""
        for folder in (self.data, self.logs, self.supervisor, self.pods, self.socket.parent):
            private_folder(folder)
        if self.socket.parent.lstat().st_uid != os.geteuid():  # in /tmp everybody can be there first
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(self.socket.parent))
        if os.geteuid() == 0:
            os.chown(self.data, -1, unprivileged_account().pw_gid)
            self.data.chmod(0o710)

    def _fingerprint(self) -> str:
        return hashlib.sha256(str(self.data).encode()).hexdigest()[:12]

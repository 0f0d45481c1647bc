"""PostgreSQL started over a restored base: it replays its WAL to the target and opens a new timeline."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from ops.backup.errors import BackupError
from ops.backup.target import Target
from stack.parts import PartError, PostgresPart
from stack.parts.postgres import unprivileged_account
from stack.parts.process import Command

_PATIENCE_S = 3600.0


class RecoveringPostgres(PostgresPart):
    """Answers once it has been promoted."""

    def __init__(self, data_dir: Path, target: Target, wal_folder: Path) -> None:
        super().__init__(data_dir)
        self._target, self._wal_folder, self._settings = target, wal_folder, dict[str, str]()

    def prepare(self) -> None:
        super().prepare()
        if os.geteuid() == 0:
            account = unprivileged_account()
            for path in (self.data_dir, *self.data_dir.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def command(self) -> Command:
        command = super().command()
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        return Command([*command.argv, *options], user=command.user, keep=command.keep,
                       parent_death=command.parent_death)

    def recover(self, restore_point: str) -> datetime | None:
        """Raises BackupError. The time of the last transaction that was replayed, None when there was none."""
        self._settings = self._target.settings(self._wal_folder, restore_point)
        try:
            self.start(_PATIENCE_S)
        except PartError as error:
            raise BackupError(f"The databases did not come back.\n{error}",
                              "With --until: is that moment later than the backup's end, and before the last WAL?"
                              ) from error
        return self._replayed_until()

    def _replayed_until(self) -> datetime | None:
        """From the server's own log, which needs no password."""
        for line in reversed(self.log_path.read_text(errors="replace").splitlines()):
            if (mark := "last completed transaction was at log time ") in line:
                return datetime.fromisoformat(line.split(mark)[1].strip().replace("UTC", "+00:00").replace(" +", "+"))
        return None

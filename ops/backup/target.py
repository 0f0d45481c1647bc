"""To which state a restore brings the databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """Everything there is; with `until` the state of that moment; with `only_own` that of the backup itself."""

    until: datetime | None = None
    only_own: bool = False

    def settings(self, wal_folder: Path, restore_point: str) -> dict[str, str]:
        found = {
            "restore_command": f'cp "{wal_folder}/%f" "%p"', "recovery_target_timeline": "current",
            "recovery_target_action": "promote", "hot_standby": "off"}
        if self.only_own:
            found["recovery_target_name"] = restore_point
        elif self.until is not None:
            found["recovery_target_time"] = self.until.isoformat()
        return found

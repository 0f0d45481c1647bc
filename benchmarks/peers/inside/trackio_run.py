"""Run by the peer's own interpreter: Trackio logs into SQLite in the training's own process.

    python trackio_run.py FOLDER POINTS -> JSON {"points": ..., "seconds": ...}
"""

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

NAMES = ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "gpu_utilization_pct", "eta_s")


def main(folder: Path, points: int) -> None:
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    import trackio

    run = trackio.init(project="benchmark", name="run", embed=False, auto_log_gpu=False, auto_log_cpu=False)
    steps = points // len(NAMES)
    began = time.perf_counter()
    for step in range(steps):
        run.log(dict.fromkeys(NAMES, 2.0 + 0.001 * step), step=step)
    run.finish()  # what was logged is stored when this returns
    seconds = time.perf_counter() - began
    stored = rows(folder)
    if stored != steps:
        raise SystemExit(f"{stored} steps in the table, {steps} logged")
    print(json.dumps({"points": steps * len(NAMES), "seconds": seconds}))


def rows(folder: Path) -> int:
    """A row holds all metrics of a step."""
    (database,) = folder.glob("*.db")
    return int(sqlite3.connect(database).execute("SELECT count(*) FROM metrics").fetchone()[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

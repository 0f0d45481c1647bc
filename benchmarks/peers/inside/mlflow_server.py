"""Run by the peer's own interpreter: an MLflow server over SQLite, and clients that log batches to it by REST.

    python mlflow_server.py FOLDER PORT POINTS -> JSON {"points": ..., "seconds": ...}
"""

import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric

WORKERS, BATCH = 2, 1_000  # 1,000 metrics are the most that one log_batch takes
NAMES = ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "gpu_utilization_pct")


def main(folder: Path, port: int, points: int) -> None:
    database, url = folder / "mlflow.db", f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}", "--port", str(port),
         "--artifacts-destination", str(folder / "artifacts"), "--workers", str(WORKERS)],
        stdout=subprocess.DEVNULL, stderr=(folder / "server.log").open("w"),
    )
    try:
        wait_until_ready(url, server)
        seconds = log_batches(MlflowClient(url), points)
    finally:
        server.terminate()
        server.wait(30)
    stored = sqlite3.connect(database).execute("SELECT count(*) FROM metrics").fetchone()[0]
    if stored != points:
        raise SystemExit(f"{stored} points in the table, {points} logged")
    print(json.dumps({"points": points, "seconds": seconds}))


def wait_until_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()  # noqa: S310  our own address
            return
        except OSError:
            if server.poll() is not None:
                raise SystemExit("the MLflow server ended while starting") from None
            time.sleep(0.2)
    raise SystemExit("the MLflow server was not ready after two minutes")


def log_batches(client: MlflowClient, points: int) -> float:
    """As many clients as the server has workers, each with a run of its own; the seconds it took."""
    experiment = client.create_experiment("benchmark")
    runs = [client.create_run(experiment).info.run_id for _ in range(WORKERS)]
    batches = [(runs[n % WORKERS], batch(n // WORKERS)) for n in range(points // BATCH)]
    client.log_batch(client.create_run(experiment).info.run_id)  # the first request of each worker loads modules
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as clients:
        list(clients.map(lambda item: client.log_batch(item[0], metrics=item[1]), batches))
    return time.perf_counter() - began


def batch(number: int) -> list[Metric]:
    steps = BATCH // len(NAMES)
    now = int(time.time() * 1000)
    return [
        Metric(name, 2.0 + 0.001 * step, now + step, step)
        for step in range(number * steps, (number + 1) * steps) for name in NAMES
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

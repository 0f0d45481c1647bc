"""Fifty requests a second from callers that keep their connections and try nothing twice; beside them a watcher."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from brightrun.event_stream import follow
from brightrun.models import Job
from tests.system.stack_under_test import StackUnderTest

CALLERS, A_SECOND = 5, 50
PREFIX = "/api/training"


class Load:
    def __init__(self, system: StackUnderTest, job: Job, file_id: str) -> None:
        self._credentials, self._job, self._file_id = system.client().credentials, job, file_id
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.created = 0
        self._enough, self._lock = threading.Event(), threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            yield
        finally:
            self._enough.set()
            for caller in callers:
                caller.join()

    def _call(self) -> None:
        headers = {"Authorization": f"Bearer {self._credentials.api_key}"}
        with httpx.Client(base_url=self._credentials.url, headers=headers, timeout=20) as client:
            number, due = 0, time.monotonic()
            while not self._enough.is_set():
                self._ask(client, number)
                number, due = number + 1, max(due + CALLERS / A_SECOND, time.monotonic() - 1)
                time.sleep(max(0.0, due - time.monotonic()))

    def _ask(self, client: httpx.Client, number: int) -> None:
        if number % 25 == 24:
            self._send(client, "POST", "/jobs", json={"training_file_id": self._file_id, "name": "by the load"},
                       headers={"idempotency-key": str(uuid4())})
        elif number % 2:
            self._send(client, "GET", "/jobs", params={"limit": 5})
        else:
            self._send(client, "GET", f"/jobs/{self._job.id}")

    def _send(self, client: httpx.Client, method: str, path: str, **more: Any) -> None:
        try:
            answer = client.request(method, PREFIX + path, **more)
        except httpx.TransportError as error:
            with self._lock:
                self.failures.append(f"{method} {path}: {error!r}")
            return
        with self._lock:
            self.answers[answer.headers.get("connection", "kept")] += 1
            self.created += answer.status_code == 201
            if not answer.is_success:
                self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")


class Watcher:
    """Follows a job as the command line does, resuming by Last-Event-ID; `seen`: ids of the log's entries, in order."""

    def __init__(self, system: StackUnderTest, job: Job) -> None:
        self.seen: list[str] = []
        self._client, self._job = system.client(), job
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(240)
        assert not self._thread.is_alive(), "the stream never ended"

    def _watch(self) -> None:
        with self._client as client:
            for _, data in follow(client, self._job.id):
                if data.get("object") == "training_job.event" and data["seq"] is not None:  # no snapshot
                    self.seen.append(str(data["id"]))

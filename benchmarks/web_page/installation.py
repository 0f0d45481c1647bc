"""A running stack with much in it: thousands of jobs, a job with a million points, one that trains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats
import numpy as np
from nats.aio.client import Client

from benchmarks.metrics_ingest import publish
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.events.metrics import METRIC_NAMES
from stack import dashboard
from stack.layout import Layout
from stack.state import read_state
from tests.system.stack_under_test import StackUnderTest

# Of a message in the stream of metrics, which takes 64 kB.
_STEPS = 800
# A job's points begin behind those that its own training has reported.
_FIRST_STEP = 1_000
# The id of a job's n-th copy.
_COPY = "md5(id::text || n)::uuid"


class Installation(StackUnderTest):
    @property
    def page(self) -> str:
        """The address of the web page."""
        state = read_state(Layout(self.data))
        address = dashboard.address(state) if state else ""
        if not address:
            raise RuntimeError("the stack has no web page; is it installed? (`make setup`)")
        return address

    @property
    def key(self) -> str:
        with self.client() as client:
            return client.credentials.api_key

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Client]:
        """As job_api, whose key may publish any event: a trainer's own one is made with its machine."""
        state = read_state(Layout(self.data))
        assert state is not None
        client = await nats.connect(
            f"nats://127.0.0.1:{state.ports['nats']}", inbox_prefix=b"_INBOX_job_api",
            user_credentials=str(self.data / "nats" / "creds" / "job_api.creds"))
        try:
            yield client
        finally:
            await client.close()

    def multiply(self, job_id: str, wanted: int) -> None:
        """Copies of a completed job with its log: an hour apart, one in eight failed, one in ten cancelled."""
        moments = ("created_at", "queued_at", "started_at", "completed_at")
        others = self._others("training_jobs", "id", "name", "status", *moments)
        self.query("job_api", f"""
            INSERT INTO training_jobs (id, name, status, {", ".join(moments)}, {others})
            SELECT {_COPY}, 'Copy ' || n,
                   CASE WHEN n % 8 = 0 THEN 'failed' WHEN n % 10 = 0 THEN 'cancelled' ELSE status END,
                   {", ".join(f"{moment} - n * interval '1 hour'" for moment in moments)}, {others}
            FROM training_jobs, generate_series(1, {wanted}) AS n WHERE id = '{job_id}'""")
        others = self._others("job_events", "job_id", "event_id")
        self.query("job_api", f"""
            INSERT INTO job_events (job_id, event_id, {others}) SELECT {_COPY}, gen_random_uuid(), {others}
            FROM (SELECT job_id AS id, * FROM job_events) AS model, generate_series(1, {wanted}) AS n
            WHERE id = '{job_id}'""")
        for table in ("training_jobs", "job_events"):
            self.query("job_api", f"ANALYZE {table}")

    def training_copy(self, job_id: str) -> str:
        """A job that trains as far as the page and the API know; whoever has this id speaks for its trainer."""
        made, kept = uuid4(), self._others(
            "training_jobs", "id", "name", "status", "current_stage", "completed_at", "updated_at", "course",
            "progress_percentage", "current_step", "event_seq")
        self.query("job_api", f"""
            INSERT INTO training_jobs (id, name, status, current_stage, {kept})
            SELECT '{made}', 'Watched', 'training', 'training', {kept} FROM training_jobs WHERE id = '{job_id}'""")
        return str(made)

    def points(self, job_id: str, wanted: int) -> None:
        """So many more points of the job's loss, the last of them with what else a trainer measures, through broker and
        service as a trainer's, until all are stored."""
        workspace = self.query("job_api", f"SELECT workspace_id FROM training_jobs WHERE id = '{job_id}'")
        asyncio.run(self._tell(job_id, workspace[0]["workspace_id"], wanted))

    async def _tell(self, job_id: str, workspace_id: UUID, wanted: int) -> None:
        async with self.broker() as client:
            await publish(client.jetstream(), _reports(UUID(job_id), workspace_id, wanted), window=16)
        while True:
            [stored] = await asyncio.to_thread(self.query, "metrics_ingest", f"""
                SELECT (SELECT count(*) FROM metric_points AS p
                        WHERE p.step >= {_FIRST_STEP} AND p.job_no = jobs.job_no) AS points,
                       (SELECT count(*) FROM blocks WHERE NOT packed) AS loose
                FROM jobs WHERE job_id = '{job_id}'""")
            if stored["points"] >= wanted and not stored["loose"]:
                return
            await asyncio.sleep(1)

    def _others(self, table: str, *named: str) -> str:
        rows = self.query("job_api", f"""
            SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND is_generated = 'NEVER'
            AND is_identity = 'NO' ORDER BY ordinal_position""")
        return ", ".join(row["column_name"] for row in rows if row["column_name"] not in named)


def _reports(job_id: UUID, workspace_id: UUID, wanted: int) -> list[tuple[str, bytes]]:
    noise = np.random.default_rng(1)
    messages = []
    for first in range(0, wanted, _STEPS):
        steps = np.arange(first, min(first + _STEPS, wanted))
        losses = 0.5 + 3 * np.exp(-steps / (wanted / 5)) + noise.normal(0, 0.1, len(steps))
        values = {"loss": tuple(np.round(losses, 5).tolist())}
        messages.append(_report(job_id, workspace_id, steps, values))
    last = np.arange(wanted - min(_STEPS // 8, wanted), wanted)
    names = [name for name in METRIC_NAMES if name != "loss"]
    others = {name: tuple(np.round(noise.normal(5, 1, len(last)), 5).tolist()) for name in names}
    return [*messages, _report(job_id, workspace_id, last, others)]


def _report(job_id: UUID, workspace_id: UUID, steps: np.ndarray, values: dict[str, Any]) -> tuple[str, bytes]:
    event = new_event(MetricsReported(
        job_id=job_id, workspace_id=workspace_id, attempt=1, steps=tuple((steps + _FIRST_STEP).tolist()),
        times=tuple((1.7e9 + steps / 10).tolist()), values=values), source="/trainer/benchmark")
    return event.subject, event.to_bytes()


def installation(folder: Path) -> Installation:
    return Installation(folder / ".data")

"""The bare handlers: a row by its keys from an asyncpg pool, made into the same bytes by orjson, and nothing else.

No credentials, no log, no metrics, no traces, no problem documents. What the document is (`presenter`) is the
product's own, so that both make the same one at the same cost.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Response

from services.job_api.costs import presenter as of_costs
from services.job_api.jobs import presenter
from services.job_api.keyset import Cursor

_COLUMNS = "SELECT j.*, f.name AS training_file_name FROM training_jobs j JOIN training_files f"
_ONE = f"{_COLUMNS} ON f.id = j.training_file_id WHERE j.id = $1 AND j.workspace_id = $2"
_PAGE = (f"{_COLUMNS} ON f.id = j.training_file_id WHERE j.workspace_id = $1 "
         "ORDER BY j.created_at DESC, j.id DESC LIMIT $2")
_WORKSPACE = UUID(os.environ.get("BARE_WORKSPACE_ID", UUID(int=0).hex))
_JSON = "application/json"


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["BARE_DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=10, max_size=10, init=_with_json, reset=_keep) as pool:
        app.state.pool = pool
        yield


async def _keep(_: asyncpg.Connection) -> None:
    """The pool's own reset is a second round trip after each read; the product saves it, too."""


async def _with_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda stored: orjson.loads(memoryview(stored)[1:]))


app = FastAPI(lifespan=_lifespan)
_PRESETS = orjson.dumps({"object": "list", "data": of_costs.presets(), "has_more": False, "next_cursor": None})


@app.get("/jobs/{job_id}")
async def read_job(job_id: UUID) -> Response:
    row = await app.state.pool.fetchrow(_ONE, job_id, _WORKSPACE)
    if row is None:
        raise HTTPException(404)
    return _answer(presenter.job(row))


@app.get("/jobs")
async def list_jobs(limit: int = 20) -> Response:
    rows = await app.state.pool.fetch(_PAGE, _WORKSPACE, limit + 1)
    more = len(rows) > limit
    shown = rows[:limit]
    cursor = _cursor(shown[-1]["created_at"], shown[-1]["id"]) if more else None
    return _answer({"object": "list", "data": [presenter.job(row) for row in shown], "has_more": more,
                    "next_cursor": cursor})


@app.get("/presets")
async def list_presets() -> Response:
    return Response(_PRESETS, media_type=_JSON)


def _cursor(created_at: datetime, job_id: UUID) -> str:
    return Cursor("-created_at", created_at.isoformat(), job_id).encode()


def _answer(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document, default=str), media_type=_JSON)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["BARE_PORT"]), loop="uvloop", http="httptools", log_config=None,
                access_log=False, server_header=False)

"""The reads that clients poll, beside a bare FastAPI and asyncpg handler that answers with the same bytes."""

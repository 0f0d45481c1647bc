"""Entries of the log that say only how things stood for some seconds."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_THIN = text("""
    DELETE FROM job_events WHERE (job_id, seq) IN (
        SELECT e.job_id, e.seq FROM job_events e
        WHERE e.received_at < now() - CAST(:older_than AS interval) AND (
            (e.type = 'training.progressed'
             AND EXISTS (SELECT 1 FROM job_events b WHERE b.job_id = e.job_id AND b.type = e.type
                         AND b.attempt = e.attempt AND b.seq < e.seq)
             AND EXISTS (SELECT 1 FROM job_events a WHERE a.job_id = e.job_id AND a.type = e.type
                         AND a.attempt = e.attempt AND a.seq > e.seq))
            OR (e.type = 'cost.updated' AND coalesce(e.payload ->> 'final', 'false') <> 'true'
                AND e.payload ->> 'running' = (
                    SELECT b.payload ->> 'running' FROM job_events b
                    WHERE b.job_id = e.job_id AND b.type = e.type AND b.seq < e.seq
                    ORDER BY b.seq DESC LIMIT 1))
        )
        LIMIT :batch FOR UPDATE OF e SKIP LOCKED
    )
""")


async def delete_snapshots(tx: AsyncConnection, older_than: timedelta, batch: int) -> int:
    """At most `batch` entries of that age that are no milestones: of progress the first and last of each attempt are,
    of cost the first, each change between running and not running, and the final one."""
    return (await tx.execute(_THIN, {"older_than": older_than, "batch": batch})).rowcount

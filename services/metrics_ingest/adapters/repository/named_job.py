"""The job that a connection reads next, named for the second wall: its rows are then compared with one number.

A matter of speed alone. The wall looks the named job up in the workspace of the reader; rows of another job, and of
any while none is named, are looked up one by one. The statements that find a job name it; the name stays with the
session.
"""

from typing import Any

_NAME = "SELECT set_config('brightrun.job_no', $1::int::text, false)"


async def name_job(connection: Any, job_no: int) -> None:
    """Where the job was found on another connection: a round trip, for readers of thousands of rows."""
    await connection.execute(_NAME, job_no)

"""What machines cost beyond their use, as it was counted when each was gone."""

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.rpc.pods import Leak, Leaks, LeaksQuery
from services.provisioner.adapters.repository import pods

_SHOWN = 100


async def leaks(database: Database, asked: LeaksQuery) -> Leaks:
    """Of all workspaces."""
    with every_workspace():
        async with database.read() as tx:
            rows = await pods.leaked_since(tx, asked.since)
    found = [Leak(pod_name=row.pod_name, job_id=row.job_id, workspace_id=row.workspace_id, provider=row.provider,
                  ended_at=row.terminated_at, micro_usd=row.leaked_micro_usd) for row in rows]
    return Leaks(micro_usd=sum(leak.micro_usd for leak in found), machines=len(found), leaks=tuple(found[:_SHOWN]))

"""Every machine with its times: what the bills are compared with."""

from typing import Any

from sqlalchemy import Row

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.rpc.pods import Machine, Machines, MachinesQuery
from services.provisioner.adapters.repository import pods


async def machines(database: Database, asked: MachinesQuery) -> Machines:
    """Machines of all workspaces that existed at or after `since`, in the order of their names."""
    with every_workspace():
        async with database.read() as tx:
            rows = await pods.machines(tx, asked.since, after=asked.after, count=asked.limit + 1)
    page = rows[: asked.limit]
    return Machines(machines=tuple(_machine(row) for row in page),
                    next_after=page[-1].pod_name if len(rows) > asked.limit else None)


def _machine(row: Row[Any]) -> Machine:
    return Machine(
        job_id=row.job_id, workspace_id=row.workspace_id, attempt=row.attempt, provider=row.provider,
        gpu_type=row.gpu_type, pricing_tier=row.pricing_tier, running_since=row.running_since,
        terminated_at=row.terminated_at, gpu_model=row.gpu_model, rate_micro_usd_per_hour=row.rate_micro_usd_per_hour,
        on_demand_micro_usd_per_hour=row.on_demand_micro_usd_per_hour,
    )

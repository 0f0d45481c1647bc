"""SQL of the rate table."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.costs import GpuRate
from services.cost_guard.adapters.tables import gpu_rates


async def valid_at(connection: AsyncConnection, at: datetime) -> dict[tuple[GpuType, PricingTier], GpuRate]:
    """The rate of every GPU and tier that was valid at this moment."""
    query = (
        select(gpu_rates)
        .ext(distinct_on(gpu_rates.c.gpu_type, gpu_rates.c.pricing_tier))
        .where(gpu_rates.c.valid_from <= at)
        .order_by(gpu_rates.c.gpu_type, gpu_rates.c.pricing_tier, gpu_rates.c.valid_from.desc())
    )
    rows = (GpuRate.model_validate(row._mapping) for row in await connection.execute(query))
    return {(row.gpu_type, row.pricing_tier): row for row in rows}


async def save(tx: AsyncConnection, rate: GpuRate, changed_by: str) -> None:
    row = rate.model_dump(mode="json") | {"valid_from": rate.valid_from, "changed_by": changed_by}
    statement = insert(gpu_rates).values(row)
    await tx.execute(
        statement.on_conflict_do_update(
            constraint=gpu_rates.primary_key, set_={"micro_usd_per_hour": row["micro_usd_per_hour"]}
        )
    )

"""What happens by time: money reserved for a start that never came is freed."""

from datetime import timedelta

from chassis.database.engine import Database
from contracts.rpc import costs
from contracts.rpc.costs import ReleaseRequest
from services.job_api.jobs.repository import start_intents
from services.job_api.ports import RpcClient

RELEASE_EVERY_S = 30.0
# Far longer than a start can take: one question of two seconds and one short transaction.
ABANDONED_AFTER = timedelta(minutes=2)


async def release_abandoned(database: Database, rpc: RpcClient, older_than: timedelta = ABANDONED_AFTER) -> int:
    """Release what a start reserved before it failed or crashed. Returns how many; raises when nobody answers."""
    async with database.transaction() as tx:
        due = await start_intents.stale(tx, older_than)
        for intent in due:
            await rpc.request(costs.RELEASE, ReleaseRequest(
                job_id=intent["job_id"], workspace_id=intent["workspace_id"]))
            await start_intents.settle(tx, intent["job_id"])
    return len(due)

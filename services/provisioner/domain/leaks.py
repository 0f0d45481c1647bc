"""Money that nobody wanted to spend: machines that no job knows, and those that outlive what they were made for."""

from datetime import datetime, timedelta

from services.provisioner.domain.model import Job, Pod
from services.provisioner.domain.prices import cost_micro_usd

# To be told to end, to end, and to be seen to have ended takes a while; this long is no leak.
ALLOWANCE = timedelta(seconds=60)


def needed_until(job: Job, pod: Pod) -> datetime | None:
    """When this machine's work was over: its attempt was ended, its trainer had gone, or its job was over."""
    job_ended_at = None if job.active else job.ended_at
    return min((at for at in (pod.interrupted_at, pod.ended_at, job_ended_at) if at is not None), default=None)


def leaked_micro_usd(
    rate_micro_usd_per_hour: int | None, began: datetime | None, until: datetime, needed: datetime | None, *,
    wanted: bool,
) -> int:
    """What the machine cost beyond its use. `wanted` False: nobody asked for it, so nothing of it was needed, or
    nothing after `needed`."""
    if began is None or rate_micro_usd_per_hour is None:
        return 0
    if not wanted:
        since = began if needed is None else max(began, needed)
    else:
        since = until if needed is None else max(began, needed + ALLOWANCE)
    return cost_micro_usd(rate_micro_usd_per_hour, (until - since).total_seconds())

"""Every request/reply pair with its callers: the broker's permissions and AsyncAPI are made from this table."""

from dataclasses import dataclass
from typing import Any

from contracts.rpc import costs, health, jobs, logs, metrics, notifications, pods, validation
from contracts.rpc.spec import PodRpc, Rpc


@dataclass(frozen=True)
class RpcRow:
    rpc: Rpc[Any, Any]
    callers: tuple[str, ...]


_OF_JOB_API: tuple[Rpc[Any, Any], ...] = (
    costs.ESTIMATE,
    costs.RESERVE,
    costs.RELEASE,
    costs.JOB_COST,
    costs.SPOT_SAVINGS,
    costs.WORKSPACE_SAVINGS,
    costs.BUDGET,
    costs.SET_BUDGET,
    costs.RATES,
    costs.SET_RATE,
    metrics.LATEST,
    metrics.RANGE,
    metrics.EXPORT,
    logs.LOG_LINES,
    validation.EVALUATION,
    pods.JOB_CHECKPOINTS,
    pods.JOB_PODS,
    pods.POD_LOG,
    pods.LEAKS,
    notifications.PREFERENCES,
    notifications.SET_PREFERENCES,
    notifications.SEND_TEST,
    *health.HEALTH.values(),
)

RPCS: tuple[RpcRow, ...] = (
    *(RpcRow(rpc, ("job_api",)) for rpc in _OF_JOB_API),
    RpcRow(pods.MACHINES, ("cost_guard", "job_api")),
    RpcRow(pods.PRICES, ("cost_guard",)),
    RpcRow(jobs.JOB_CREATOR, ("notifier",)),
)

POD_RPCS: tuple[PodRpc[Any, Any], ...] = (
    pods.HEARTBEAT,
    pods.SIGN_URLS,
    pods.LIST_CHECKPOINTS,
    pods.DELETE_CHECKPOINT,
)

"""One module for each dashboard."""

from ops.dashboards.boards import machines, messages, money, notifications, parts, pipeline, rest, training
from ops.dashboards.model import Dashboard

DASHBOARDS: tuple[Dashboard, ...] = (
    pipeline.BOARD, machines.BOARD, training.BOARD, money.BOARD, messages.BOARD, rest.BOARD, notifications.BOARD,
    parts.BOARD,
)

"""Requests in."""

from typing import Annotated

from chassis.messaging.context import FromContext, WithDatabase
from chassis.messaging.requests import RequestRouter
from contracts.rpc.logs import LOG_LINES, LogLinesPage, LogLinesQuery
from contracts.rpc.metrics import (
    EXPORT,
    LATEST,
    RANGE,
    ExportPage,
    ExportQuery,
    Latest,
    LatestQuery,
    RangeQuery,
    RangeReply,
)
from services.metrics_ingest.application.queries import export, latest, log_lines
from services.metrics_ingest.application.queries.charts import Charts
from services.metrics_ingest.ports import HotWindow

WithHotWindow = Annotated[HotWindow, FromContext("hot")]
WithCharts = Annotated[Charts, FromContext("charts")]

requests = RequestRouter()


@requests.rpc(LATEST)
async def on_latest(request: LatestQuery, database: WithDatabase, hot: WithHotWindow) -> Latest:
    return await latest.latest(database, hot, request)


@requests.rpc(RANGE)
async def on_range(request: RangeQuery, charts: WithCharts) -> RangeReply:
    return await charts.range(request)


@requests.rpc(EXPORT)
async def on_export(request: ExportQuery, database: WithDatabase) -> ExportPage:
    return await export.page(database, request)


@requests.rpc(LOG_LINES)
async def on_log_lines(request: LogLinesQuery, database: WithDatabase) -> LogLinesPage:
    return await log_lines.page(database, request)

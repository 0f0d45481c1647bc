"""The REST API: how much, how fast, how often wrong."""

from ops.dashboards.model import Dashboard, Panel, Query, Row
from ops.dashboards.promql import RATE, quantile, rate, total

_OURS = '{service="job_api"}'
_ALL = f"sum(rate(http_requests_total{_OURS}[{RATE}]))"
_WRONG = f'sum(rate(http_requests_total{{service="job_api", status=~"5.."}}[{RATE}])) or vector(0)'
_SECONDS = f"http_request_duration_seconds{_OURS}"

BOARD = Dashboard("rest", "REST", "Rate, errors and latency of the API by route, and the promise of 99.9 %.", (
    Row("Promise", (
        Panel("Errors", "Share of requests answered with a server's error; promised is 0.1 % at most.", "percentunit",
              (Query(f"({_WRONG}) / {_ALL}", "now"), Query("brightrun:rest_errors:ratio_rate1h", "one hour")),
              bad=0.001, runbook="RestErrorBudgetBurnsFast"),
        Panel("Error budget burnt", "How many times faster than allowed: 1 uses all of 30 days in 30 days.", "short",
              (Query("brightrun:rest_errors:ratio_rate1h / 0.001", "one hour"),
               Query("brightrun:rest_errors:ratio_rate6h / 0.001", "six hours"),
               Query("brightrun:rest_errors:ratio_rate3d / 0.001", "three days")), warn=1, bad=6,
              runbook="RestErrorBudgetBurnsSlowly"),
        Panel("Slower than a second", "Share of requests; promised is 1 % at most.", "percentunit",
              (Query("brightrun:rest_slow:ratio_rate5m", "slow"),), bad=0.01, runbook="RestSlow"),
    )),
    Row("Rate", (
        Panel("Requests by route", "Templates, never ids.", "reqps",
              (rate(f"http_requests_total{_OURS}", "method", "route"),), width=12),
        Panel("Requests by status", "4xx are the callers' own.", "reqps",
              (rate(f"http_requests_total{_OURS}", "status"),), stacked=True),
        Panel("Open", "Requests being answered, live streams included.", "short",
              (total(f"http_requests_in_progress{_OURS}", legend="open"),), width=4),
    )),
    Row("Latency", (
        Panel("All routes", "Until the headers are sent.", "s",
              (quantile(0.5, _SECONDS), quantile(0.95, _SECONDS), quantile(0.99, _SECONDS)), bad=1, runbook="RestSlow"),
        Panel("The ten slowest routes", "95 % of the requests are faster.", "s",
              (Query("topk(10, histogram_quantile(0.95, sum by (method, route, le) (rate("
                     f"http_request_duration_seconds_bucket{_OURS}[{RATE}]))))", "{{method}} {{route}}"),), width=16),
    )),
    Row("Errors", (
        Panel("Server's errors by route", "5xx.", "reqps",
              (rate('http_requests_total{service="job_api", status=~"5.."}', "route", "status"),), width=12,
              runbook="RestErrorBudgetBurnsFast", empty_when_healthy="no request was answered with a server's error"),
        Panel("Callers' errors by route", "4xx: refused, not found, invalid.", "reqps",
              (rate('http_requests_total{service="job_api", status=~"4.."}', "route", "status"),), width=12,
              empty_when_healthy="no caller made a mistake"),
    )),
    Row("Guards", (
        Panel("Audit entries not written", "Of the last hour; they stand in job_api's log instead.", "short",
              (Query("sum(increase(brightrun_audit_entries_not_written_total[1h]))", "missing"),), width=12, bad=1,
              runbook="AuditNotWritten"),
        Panel("Requests not counted", "Valkey did not answer, so that no limit held.", "reqps",
              (Query(f"sum(rate(brightrun_rate_limit_unavailable_total[{RATE}]))", "passed"),), width=12, bad=0.01,
              runbook="RequestsNotCounted"),
    )),
))

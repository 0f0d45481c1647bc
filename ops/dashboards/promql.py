"""Queries that many panels have."""

from ops.dashboards.model import Query

RATE, RANGE = "$__rate_interval", "$__range"


def rate(metric: str, *by: str, legend: str = "") -> Query:
    """Per second."""
    return Query(f"sum{_by(*by)} (rate({metric}[{RATE}]))", legend or _legend(*by))


def increase(metric: str, *by: str, over: str = RATE, legend: str = "") -> Query:
    return Query(f"sum{_by(*by)} (increase({metric}[{over}]))", legend or _legend(*by))


def highest(metric: str, *by: str, legend: str = "") -> Query:
    """Of replicas that all tell the same."""
    return Query(f"max{_by(*by)} ({metric})", legend or _legend(*by))


def total(metric: str, *by: str, legend: str = "") -> Query:
    """Of replicas that each tell their share."""
    return Query(f"sum{_by(*by)} ({metric})", legend or _legend(*by))


def quantile(share: float, histogram: str, *by: str, over: str = RATE) -> Query:
    """`histogram` without `_bucket`; it may have a selector in braces."""
    name, _, selector = histogram.partition("{")
    bucket = f"{name}_bucket{'{' + selector if selector else ''}"
    label = f"p{share * 100:g}"
    return Query(f"histogram_quantile({share:g}, sum{_by(*by, 'le')} (rate({bucket}[{over}])))",
                 f"{label} {_legend(*by)}".strip())


def mean(histogram: str, *by: str, over: str = RATE) -> Query:
    return Query(f"sum{_by(*by)} (rate({histogram}_sum[{over}])) / sum{_by(*by)} (rate({histogram}_count[{over}]))",
                 f"mean {_legend(*by)}".strip())


def _by(*labels: str) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _legend(*labels: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels)

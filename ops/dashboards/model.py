"""What a dashboard is made of, and Grafana's JSON of it (schema 39: Grafana 10.4; later ones migrate it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

SCHEMA = 39
COLUMNS, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GOOD, WARN, BAD = "green", "orange", "red"


@dataclass(frozen=True)
class Query:
    """PromQL, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """`unit` is one of Grafana's ids (s, bytes, percentunit, reqps ...). `warn` and `bad` are where its colour changes:
    upwards, or downwards where `bad` is the smaller. `runbook`: the alert that watches the same. `empty_when_healthy`
    says why a sound system has no series for it."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    warn: float | None = None
    bad: float | None = None
    runbook: str = ""
    stacked: bool = False
    empty_when_healthy: str = ""

    def to_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        return {
            "id": number, "type": self.kind, "title": self.title, "description": self.description,
            "datasource": SOURCE, "gridPos": {"h": HEIGHT, "w": self.width, "x": x, "y": y},
            "targets": [self._target(index, query) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind], "links": self._links(),
        }

    def _target(self, index: int, query: Query) -> dict[str, Any]:
        target = {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expr,
                  "legendFormat": query.legend}
        return target | ({"instant": True} if self.kind == "stat" else {"range": True})

    def _defaults(self) -> dict[str, Any]:
        thresholds = {"mode": "absolute", "steps": self._steps()}
        custom: dict[str, Any] = {"fillOpacity": 30 if self.stacked else 5, "showPoints": "never", "lineWidth": 1}
        if self.stacked:
            custom["stacking"] = {"mode": "normal"}
        if self.warn is not None or self.bad is not None:
            custom["thresholdsStyle"] = {"mode": "line"}
        drawn = {"custom": custom} if self.kind == "timeseries" else {}
        color = {"mode": "thresholds" if self.kind == "stat" else "palette-classic"}
        return {"unit": self.unit, "min": 0, "thresholds": thresholds, "color": color} | drawn

    def _steps(self) -> list[dict[str, Any]]:
        falling = self.warn is not None and self.bad is not None and self.bad < self.warn
        if falling:
            return [_step(None, BAD), _step(self.bad, WARN), _step(self.warn, GOOD)]
        steps = [_step(None, GOOD)]
        steps += [_step(self.warn, WARN)] if self.warn is not None else []
        return steps + ([_step(self.bad, BAD)] if self.bad is not None else [])

    def _links(self) -> list[dict[str, Any]]:
        if not self.runbook:
            return []
        return [{"title": f"Runbook: {self.runbook}", "url": f"${{runbooks}}/{self.runbook}.md", "targetBlank": True}]


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """`name` is the last part of its fixed uid and the name of its file."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def uid(self) -> str:
        return f"brightrun-{self.name}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)

    def to_json(self) -> dict[str, Any]:
        return {
            "uid": self.uid, "title": f"Bright Run: {self.title}", "description": self.description,
            "tags": ["brightrun"], "schemaVersion": SCHEMA, "editable": False, "graphTooltip": 1, "timezone": "utc",
            "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "version": 1,
            "templating": {"list": [_DATASOURCE, _RUNBOOKS]}, "annotations": {"list": []},
            "links": [{"type": "dashboards", "tags": ["brightrun"], "title": "Bright Run", "asDropdown": True,
                       "keepTime": True}],
            "panels": self._placed(),
        }

    def _placed(self) -> list[dict[str, Any]]:
        """From left to right, line by line."""
        placed: list[dict[str, Any]] = []
        y = 0
        for row in self.rows:
            place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
            placed.append({"id": len(placed) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
                           "gridPos": place})
            x, y = 0, y + 1
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y = 0, y + HEIGHT
                placed.append(panel.to_json(len(placed) + 1, x, y))
                x += panel.width
            y += HEIGHT
        return placed


def _step(value: float | None, color: str) -> dict[str, Any]:
    return {"value": value, "color": color}


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "textMode": "auto"},
}
_DATASOURCE = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
# Where the runbooks are read: the address of your copy of docs/runbooks.
_RUNBOOKS = {"name": "runbooks", "label": "Runbooks", "type": "textbox", "query": "docs/runbooks", "hide": 0,
             "current": {"text": "docs/runbooks", "value": "docs/runbooks"}}

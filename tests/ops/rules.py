"""The rules as Prometheus reads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "ops" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"


@dataclass(frozen=True)
class Alert:
    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[Alert]:
    return [Alert(rule["alert"], rule["expr"], rule.get("labels", {}), rule.get("annotations", {}))
            for rule in rules() if "alert" in rule]

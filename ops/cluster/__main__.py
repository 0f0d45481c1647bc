"""python -m ops.cluster [--check]: write the alert rules as the Prometheus operator takes them, or say they are stale.

The rules themselves are ops/prometheus/rules, with their tests; nothing is changed on the way.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from stack.layout import ROOT

RULES = ROOT / "ops" / "prometheus" / "rules"
MANIFEST = ROOT / "k8s" / "components" / "monitoring" / "rules.yaml"
_HEAD = "# Written by `python -m ops.cluster` from ops/prometheus/rules.\n"


def manifest(folder: Path = RULES) -> str:
    groups = [group for path in sorted(folder.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    document: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "brightrun"},
        "spec": {"groups": groups}}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=1000)


def main() -> int:
    if "--check" not in sys.argv[1:]:
        MANIFEST.write_text(manifest())
        return 0
    if MANIFEST.exists() and MANIFEST.read_text() == manifest():
        return 0
    print(f"{MANIFEST} is stale. Run `python -m ops.cluster`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

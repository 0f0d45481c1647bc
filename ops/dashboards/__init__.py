"""Grafana dashboards as code: `python -m ops.dashboards` writes json/ from boards/."""

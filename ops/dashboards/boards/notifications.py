"""Notifications: whether people are told."""

from ops.dashboards.model import Dashboard, Panel, Row
from ops.dashboards.promql import RANGE, highest, increase, rate

BOARD = Dashboard("notifications", "notifications", "What users were told, by which channel, what did not arrive.", (
    Row("Deliveries", (
        Panel("By channel and result", "`pending` is a try that failed and is repeated.", "short",
              (increase("notifier_deliveries_total", "channel", "result"),), width=12, stacked=True),
        Panel("Given up or uncertain", "In the time shown.", "short",
              (increase('notifier_deliveries_total{result=~"failed|unknown"}', "channel", "result", over=RANGE),),
              kind="stat", width=12, bad=1, runbook="NotificationsFail"),
    )),
    Row("Waiting", (
        Panel("To be sent", "Deliveries.", "short", (highest("notifier_deliveries_waiting", legend="waiting"),)),
        Panel("Oldest of them", "Since when it was asked for.", "s",
              (highest("notifier_delivery_age_seconds", legend="age"),), warn=120, bad=600,
              runbook="NotificationsLate"),
        Panel("Events heard", "What may be worth a notification.", "ops",
              (rate('brightrun_messages_total{service="notifier", outcome="processed"}', "durable"),)),
    )),
))

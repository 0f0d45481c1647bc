"""Notification preferences as the API shows them."""

from typing import Any

from contracts.rpc.notifications import DeliveryState, Preferences


def notifications(found: Preferences, *, may_edit: bool) -> dict[str, Any]:
    configured = any(state.configured for state in found.channels)
    actions = ["edit", *(["test"] if configured else [])] if may_edit else []
    return {
        "object": "notifications", "allowed_actions": actions,
        "channels": [state.model_dump(mode="json") for state in found.channels],
        "events": [{"event": each.happening, "title": each.title, "channels": list(each.channels)}
                   for each in found.preferences],
        "deliveries": [_delivery(each) for each in found.deliveries]}


def _delivery(found: DeliveryState) -> dict[str, Any]:
    return {"event": found.kind} | found.model_dump(exclude={"kind"})

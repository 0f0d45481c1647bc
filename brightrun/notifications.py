"""Of what the workspace is told by Slack and e-mail, as methods."""

from typing import Any

from brightrun.calls import ROOT, Calls


class Notifications(Calls):
    """Methods of `brightrun.client.Client`."""

    def notifications(self) -> dict[str, Any]:
        """Which happenings are told by which channel, and what was told lately."""
        return dict(self.http.json("GET", f"{ROOT}/notifications"))

    def set_notifications(self, channels: dict[str, list[str]]) -> dict[str, Any]:
        """`channels`: by happening, exactly these (owners and admins); happenings that are not named stay."""
        events = [{"event": event, "channels": chosen} for event, chosen in channels.items()]
        return dict(self.http.json("PUT", f"{ROOT}/notifications", json={"events": events}))

    def send_test_notification(self) -> list[str]:
        """The channels over which a message is sent, at most one a minute (owners and admins)."""
        return list(self.http.json("POST", f"{ROOT}/notifications/test")["channels"])
